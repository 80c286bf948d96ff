//! The steps of the demo, in the order in which an alliance would go through them.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    member::Member,
    timeline::{Seen, Timeline},
};
use crate::{
    cli::{Context, Failure, args::DemoArgs, output::duration},
    import::demo,
    lang::Zh,
};

/// The subject that two platforms list (see data/demo/README.md): an invented number.
const SHARED: (&str, &str) = ("MOB", "154 0000 5678");

/// An invented number that nobody lists.
const UNLISTED: (&str, &str) = ("MOB", "154 9999 0001");

/// How long anything may take to show on another node.
const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(10);

struct Alliance {
    root: PathBuf,
    id: String,
    alibaba: Member,
    jd: Member,
    meituan: Member,
    notary: Member,
    regulator: Member,
}

/// Runs all steps; stops every node that it started, whatever happens.
pub async fn run(context: &Context, args: DemoArgs) -> Result<(), Failure> {
    let mut timeline = Timeline::new(context.output);
    let root = root(context)?;
    let member = |slug| Member::new(slug, &root);
    let mut alliance = Alliance {
        id: String::new(),
        alibaba: member("alibaba"),
        jd: member("jd"),
        meituan: member("meituan"),
        notary: member("notary"),
        regulator: member("regulator"),
        root: root.clone(),
    };
    let outcome = tokio::select! {
        outcome = alliance.steps(&mut timeline, &args) => outcome,
        _ = tokio::signal::ctrl_c() => Err(Failure::both("the demo was interrupted", "演示被中断")),
    };
    timeline.end();
    if outcome.is_ok() && !args.exit {
        alliance.show_addresses(context);
        // Fails only where signals cannot be caught; the demo then simply ends.
        let _ = tokio::signal::ctrl_c().await;
    }
    let Alliance { alibaba, jd, meituan, notary, regulator, .. } = &mut alliance;
    for member in [meituan, jd, notary, regulator, alibaba] {
        member.stop().await;
    }
    if !context.directory_is_named {
        // Left-overs in the temporary directory harm nobody.
        let _ = std::fs::remove_dir_all(&root);
    }
    outcome
}

fn root(context: &Context) -> Result<PathBuf, Failure> {
    let root = if context.directory_is_named {
        context.directory.clone()
    } else {
        std::env::temp_dir().join(format!("antibrush-demo-{}", hex::encode(crate::random::bytes::<6>())))
    };
    if root.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::both(
            format!("{} is not empty; choose another --dir", root.display()),
            format!("{} 不为空：请换一个 --dir", root.display()),
        ));
    }
    std::fs::create_dir_all(&root).map_err(|error| {
        Failure::both(
            format!("{} cannot be made ({error})", root.display()),
            format!("无法创建 {}（{}）：请换一个 --dir", root.display(), error.zh()),
        )
    })?;
    Ok(root)
}

impl Alliance {
    async fn steps(&mut self, timeline: &mut Timeline, args: &DemoArgs) -> Result<(), Failure> {
        let since = Instant::now();
        let outcome = self.found().await;
        timeline.step(("found the alliance", "成立联盟"), since, outcome)?;

        let since = Instant::now();
        let outcome = self.admit().await;
        timeline.step(("admit four members by invitation", "凭邀请码接纳四个成员"), since, outcome)?;

        let since = Instant::now();
        let outcome = self.ceremony().await;
        timeline.step(
            ("make keys that nobody has: the key ceremony", "生成无人独有的密钥：密钥仪式"),
            since,
            outcome,
        )?;
        timeline.note(
            "Personal classes use suite 2: any 2 of 3 holders answer blinded questions together, within a daily quota; no single member can enumerate.",
            "个人类标识使用套件2：三个持有方中任意两个在日配额内共同回答盲化的提问，任何单个成员都无法枚举。",
        );

        let since = Instant::now();
        let outcome = self.import(args.entries).await;
        timeline.step(("import blacklists on two platforms", "两个平台导入黑名单"), since, outcome)?;

        let since = Instant::now();
        let outcome = self.propagate().await;
        timeline.step(("every node has every feed", "所有节点收齐所有名单源"), since, outcome)?;

        let since = Instant::now();
        let outcome = self.check().await;
        timeline.step(("check on a third platform", "在第三个平台查询"), since, outcome)?;

        let since = Instant::now();
        let outcome = self.clear().await;
        timeline.step(
            ("clear, and see the answer change elsewhere", "移出后其他平台的答案随之改变"),
            since,
            outcome,
        )?;

        let since = Instant::now();
        let outcome = self.crash().await;
        timeline.step(
            ("kill -9 a node, publish meanwhile, restart, catch up", "强杀一个节点，期间发布，重启后追上"),
            since,
            outcome,
        )?;

        let since = Instant::now();
        let outcome = self.holders_away().await;
        timeline.step(("key holders go away, and come back", "密钥持有方离线与恢复"), since, outcome)?;

        let since = Instant::now();
        let outcome = self.observe().await;
        timeline.step(("the regulator's observer verifies and counts", "监管观察员校验并统计"), since, outcome)?;

        let since = Instant::now();
        let outcome = self.prove().await;
        timeline.step(("prove an entry offline", "脱机证明一条记录"), since, outcome)?;
        Ok(())
    }

    async fn found(&mut self) -> Result<((), Seen), Failure> {
        self.alibaba.init("示例甲网络有限公司", "91350100M000100Y43", "platform").await?;
        let founded = self
            .alibaba
            .command(&["alliance", "create", "--name-zh", "示例反炒信联盟", "--name-en", "Demonstration alliance"])
            .await?;
        self.id = founded["alliance"].as_str().unwrap_or_default().to_owned();
        self.alibaba.start().await?;
        let seen = Seen {
            en: format!("alliance {}…, steward and first member: alibaba", &self.id[..16.min(self.id.len())]),
            zh: format!("联盟编号 {}…，秘书处与首个成员：alibaba", &self.id[..16.min(self.id.len())]),
            figures: json!({ "alliance": self.id }),
        };
        Ok(((), seen))
    }

    async fn admit(&mut self) -> Result<((), Seen), Failure> {
        let newcomers = [
            (&mut self.jd, "示例乙电子商务有限公司", "91110108551385082Q", "platform"),
            (&mut self.meituan, "示例丙科技有限公司", "91110108MA00000070", "platform"),
            (&mut self.notary, "示例电子数据存证中心", "52369997CLRKQMRBEK", "key-holder"),
            (&mut self.regulator, "示例市场监督管理局", "11110000000013137J", "observer"),
        ];
        for (member, legal_name, uscc, role) in newcomers {
            member.init(legal_name, uscc, role).await?;
            let invited = self.alibaba.command(&["alliance", "admit", "--slug", member.slug, "--role", role]).await?;
            let invitation = invited["invitation"].as_str().unwrap_or_default().to_owned();
            member.command(&["join", &invitation]).await?;
            member.start().await?;
        }
        let seen = Seen {
            en: "alibaba, jd, meituan (platforms), notary (key holder), regulator (observer): five processes"
                .to_owned(),
            zh: "alibaba、jd、meituan（平台），notary（密钥持有方），regulator（观察员）：五个进程".to_owned(),
            figures: json!({ "members": 5 }),
        };
        Ok(((), seen))
    }

    async fn ceremony(&mut self) -> Result<((), Seen), Failure> {
        let arguments = ["keys", "ceremony", "--holders", "alibaba,jd,notary", "--threshold", "2"];
        let made = self.alibaba.command(&arguments).await?;
        expect(made["phase"] == "in_charter", "the ceremony succeeds")?;
        for member in [&self.alibaba, &self.jd, &self.meituan, &self.notary] {
            wait_until(|| async { has_shared_keys(member).await }).await?;
        }
        let classes = made["classes"].as_array().map_or(0, Vec::len);
        let seen = Seen {
            en: format!("{classes} keys shared 2 of 3 by alibaba, jd and notary; no party ever had a whole one"),
            zh: format!("{classes} 把密钥由 alibaba、jd、notary 按三取二分持，任何一方从未持有完整密钥"),
            figures: made,
        };
        Ok(((), seen))
    }

    async fn holders_away(&mut self) -> Result<((), Seen), Failure> {
        let (fresh, other) = (("MOB", "154 9999 0002"), ("MOB", "154 9999 0003"));
        // A node that has just restarted answers `stale` until it has compared every feed with a peer.
        wait_until(|| async { Ok(answer(&self.meituan, UNLISTED).await?["answer"] == "not_listed") }).await?;
        // A restarted node dials the others one after the other; only those that it reaches can stand in for the one that goes.
        wait_until(|| async { reaches_holders(&self.meituan).await }).await?;
        self.notary.kill().await?;
        expect(answer(&self.meituan, fresh).await?["answer"] == "not_listed", "two of three holders are enough")?;
        self.jd.kill().await?;
        let unavailable = answer(&self.meituan, other).await?;
        expect(unavailable["answer"] == "unavailable", "one holder is not enough, and nothing is guessed")?;
        expect(
            answer(&self.meituan, SHARED).await?["answer"] == "listed",
            "what was asked before is answered locally",
        )?;
        self.jd.start().await?;
        self.notary.start().await?;
        let waited = wait_until(|| async { Ok(answer(&self.meituan, other).await?["answer"] == "not_listed") }).await?;
        let seen = Seen {
            en: format!(
                "one of three away: answered; two away: unavailable, never not_listed; known subjects: answered; back: {}",
                duration(waited)
            ),
            zh: format!(
                "三缺一：正常应答；三缺二：回答无法查询而非未列入，已查过的照常应答；恢复用时 {}",
                duration(waited)
            ),
            figures: json!({ "unavailable": unavailable, "back_ms": waited.as_millis() as u64 }),
        };
        Ok(((), seen))
    }

    async fn import(&mut self, entries: u64) -> Result<((), Seen), Failure> {
        let a = import_bytes(&self.alibaba, &self.root, "alibaba.csv", demo::ALIBABA).await?;
        let b = import_bytes(&self.jd, &self.root, "jd.csv", demo::JD).await?;
        let mut en = format!(
            "alibaba (UTF-8): {} listed, {} rows rejected; jd (GB18030): {} listed, {} rows rejected",
            a["counted"]["listed"], a["rejected"], b["counted"]["listed"], b["rejected"]
        );
        let mut zh = format!(
            "alibaba（UTF-8）：列入 {}，未采用 {} 行；jd（GB18030）：列入 {}，未采用 {} 行",
            a["counted"]["listed"], a["rejected"], b["counted"]["listed"], b["rejected"]
        );
        if a["rejected"] == 0 || b["rejected"] == 0 {
            return Err(Failure::both(
                "the broken rows of the demonstration files were not rejected",
                "演示文件中有错误的行没有被拒绝",
            ));
        }
        let mut figures = json!({ "alibaba": a, "jd": b });
        if entries > 0 {
            let mut file = Vec::new();
            demo::generate_csv(&mut file, entries, 1).map_err(Failure::new)?;
            let began = Instant::now();
            let c = import_bytes(&self.alibaba, &self.root, "generated.csv", &file).await?;
            let took = began.elapsed();
            let rate = (entries as f64 / took.as_secs_f64()) as u64;
            en += &format!("; {} generated in {} ({rate} rows/s)", c["counted"]["listed"], duration(took));
            zh += &format!("；另生成列入 {}，用时 {}（每秒 {rate} 行）", c["counted"]["listed"], duration(took));
            figures["generated"] = c;
            figures["rows_per_second"] = rate.into();
        }
        Ok(((), Seen { en, zh, figures }))
    }

    async fn propagate(&mut self) -> Result<((), Seen), Failure> {
        let (a, b) = (feed_size(&self.alibaba, "alibaba").await?, feed_size(&self.jd, "jd").await?);
        let mut waited = Vec::new();
        for member in [&self.alibaba, &self.jd, &self.meituan, &self.notary, &self.regulator] {
            for (slug, size) in [("alibaba", a), ("jd", b)] {
                let had = wait_until(|| async { Ok(feed_size(member, slug).await? >= size) }).await?;
                waited.push(had);
            }
        }
        let longest = waited.iter().max().copied().unwrap_or_default();
        let seen = Seen {
            en: format!("{} entries on each of five nodes; the last one waited {}", a + b, duration(longest)),
            zh: format!("五个节点各有 {} 条；最后一个等待 {}", a + b, duration(longest)),
            figures: json!({ "entries": a + b, "waited_ms": longest.as_millis() as u64 }),
        };
        Ok(((), seen))
    }

    async fn check(&mut self) -> Result<((), Seen), Failure> {
        // A feed that was never heard of makes every negative answer stale: all three platforms must have signed a head.
        wait_until(|| async { Ok(answer(&self.meituan, UNLISTED).await?["answer"] == "not_listed") }).await?;
        let listed = answer(&self.meituan, SHARED).await?;
        let unlisted = answer(&self.meituan, UNLISTED).await?;
        let invalid = answer(&self.meituan, ("MOB", "12345")).await?;
        let publishers: Vec<&str> =
            listed["listings"].as_array().into_iter().flatten().filter_map(|l| l["publisher"].as_str()).collect();
        expect(
            listed["answer"] == "listed" && listed["corroborated"] == true && publishers == ["alibaba", "jd"],
            "two members list it",
        )?;
        expect(unlisted["answer"] == "not_listed", "an unlisted subject answers not_listed")?;
        expect(
            invalid["answer"] == "invalid" && invalid["reason"].is_string(),
            "a malformed identifier answers invalid",
        )?;
        let seen = Seen {
            en: "listed twice (alibaba and jd, C01: corroborated) · not listed · invalid input with its reason"
                .to_owned(),
            zh: "两家列入（alibaba 与 jd，C01，已交叉验证）· 未列入 · 无效输入并说明原因".to_owned(),
            figures: json!({ "listed": listed, "not_listed": unlisted["answer"], "invalid": invalid["reason"] }),
        };
        Ok(((), seen))
    }

    async fn clear(&mut self) -> Result<((), Seen), Failure> {
        let request = json!({ "items": [{ "class": SHARED.0, "id": SHARED.1, "reason": "R01" }] });
        let cleared: Value = self.jd.client()?.post("/v1/clearings", &request).await?;
        expect(cleared["counted"]["cleared"] == 1, "jd clears its listing")?;
        let waited = wait_until(|| async { Ok(answer(&self.meituan, SHARED).await?["members"] == 1) }).await?;
        let after = answer(&self.meituan, SHARED).await?;
        expect(after["answer"] == "listed" && after["corroborated"] != true, "one member still lists it")?;
        let seen = Seen {
            en: format!("jd cleared its listing; meituan saw one member instead of two after {}", duration(waited)),
            zh: format!("jd 移出后，{} 内 meituan 看到由两家变为一家", duration(waited)),
            figures: json!({ "waited_ms": waited.as_millis() as u64 }),
        };
        Ok(((), seen))
    }

    async fn crash(&mut self) -> Result<((), Seen), Failure> {
        self.meituan.kill().await?;
        let subject = ("ACC", "alibaba:demo-while-you-were-away");
        let item =
            json!({ "class": subject.0, "id": subject.1, "conduct": "C06", "role": "organise", "evidence": "demo" });
        let listed: Value = self.alibaba.client()?.post("/v1/listings", &json!({ "items": [item] })).await?;
        expect(listed["counted"]["listed"] == 1, "alibaba lists a subject meanwhile")?;
        let since = Instant::now();
        self.meituan.start().await?;
        let restarted = since.elapsed();
        wait_until(|| async { Ok(answer(&self.meituan, subject).await?["answer"] == "listed") }).await?;
        let caught_up = since.elapsed();
        let before = answer(&self.meituan, SHARED).await?;
        expect(before["members"] == 1, "what was there before the crash is still there")?;
        let seen = Seen {
            en: format!(
                "meituan was ready again after {} and knew the new listing after {}",
                duration(restarted),
                duration(caught_up)
            ),
            zh: format!("meituan 在 {} 后恢复就绪，{} 后得知新的列入", duration(restarted), duration(caught_up)),
            figures: json!({ "ready_ms": restarted.as_millis() as u64, "caught_up_ms": caught_up.as_millis() as u64 }),
        };
        Ok(((), seen))
    }

    async fn observe(&mut self) -> Result<((), Seen), Failure> {
        let size = feed_size(&self.alibaba, "alibaba").await?;
        wait_until(|| async { Ok(feed_size(&self.regulator, "alibaba").await? >= size) }).await?;
        let (mut leaves, mut heads, mut totals) = (0, 0, Vec::new());
        for slug in ["alibaba", "jd", "meituan"] {
            let path = format!("/v1/feeds/{slug}/verify");
            let found: Value = self.regulator.client()?.call(axum::http::Method::POST, &path, None::<&()>).await?;
            expect(found["holds"] == true, "every feed verifies from its first leaf")?;
            leaves += found["leaves"].as_u64().unwrap_or(0);
            heads += found["headers"].as_u64().unwrap_or(0);
            totals.push(json!({ "feed": slug, "totals": found["totals"] }));
        }
        let refused = answer(&self.regulator, SHARED).await;
        expect(refused.is_err(), "an observer cannot turn an identifier into a token")?;
        let seen = Seen {
            en: format!(
                "{leaves} leaves under {heads} signed heads hold; a check on the observer is refused: it derives no tokens"
            ),
            zh: format!("{heads} 个签名树头下的 {leaves} 个叶全部成立；观察员不能查询个体：它不能生成令牌"),
            figures: json!({ "leaves": leaves, "heads": heads, "feeds": totals }),
        };
        Ok(((), seen))
    }

    async fn prove(&mut self) -> Result<((), Seen), Failure> {
        let file = self.root.join("entry.proof");
        let (file, nowhere) = (file.display().to_string(), self.root.join("nowhere"));
        self.regulator.command(&["proof", "inclusion", "--publisher", "jd", "--index", "0", "--out", &file]).await?;
        // A member without directory, node or network verifies it.
        let anybody = Member::new("anybody", &nowhere);
        let proven = anybody.command(&["proof", "verify", &file, "--alliance", &self.id]).await?;
        expect(proven["holds"] == true && proven["publisher"] == "jd", "the proof holds")?;
        let other = format!("00{}", &self.id[2..]);
        expect(
            anybody.command(&["proof", "verify", &file, "--alliance", &other]).await.is_err(),
            "it holds for this alliance alone",
        )?;
        expect(!nowhere.exists(), "verifying leaves nothing behind")?;
        let (index, size) = (&proven["index"], &proven["size"]);
        let seen = Seen {
            en: format!("entry {index} of {size} in jd's feed, verified from the file and the alliance's id alone"),
            zh: format!("仅凭文件与联盟编号，即证明 jd 名单源第 {index} 条（共 {size} 条）"),
            figures: proven.clone(),
        };
        Ok(((), seen))
    }

    fn show_addresses(&self, context: &Context) {
        let members = [&self.alibaba, &self.jd, &self.meituan, &self.notary, &self.regulator];
        if context.output.json {
            let nodes: Vec<Value> = members
                .iter()
                .map(|member| json!({ "slug": member.slug, "api": member.api(), "dir": member.directory }))
                .collect();
            println!("{}", json!({ "event": "waiting", "nodes": nodes }));
            return;
        }
        context.output.say("\nThe nodes run until Ctrl-C:", "\n各节点运行中，按 Ctrl-C 结束：");
        for member in members {
            if let Some(api) = member.api() {
                println!("  {:<10} http://{api}/openapi.json   --dir {}", member.slug, member.directory.display());
            }
        }
        context.output.say(
            format!("Try: antibrush check --dir {} --class MOB --id '{}'", self.meituan.directory.display(), SHARED.1),
            format!(
                "试一试：antibrush check --dir {} --class MOB --id '{}'",
                self.meituan.directory.display(),
                SHARED.1
            ),
        );
    }
}

/// Whether a member is connected to every key holder.
async fn reaches_holders(member: &Member) -> Result<bool, Failure> {
    let keys: Value = member.client()?.get("/v1/keys").await?;
    Ok(keys["holders"].as_array().is_some_and(|holders| holders.iter().all(|holder| holder["connected"] == true)))
}

/// Whether a member knows the keys of the ceremony and has its shares of them, if it holds any.
async fn has_shared_keys(member: &Member) -> Result<bool, Failure> {
    let keys: Value = member.client()?.get("/v1/keys").await?;
    let mut shared = keys["keys"].as_array().into_iter().flatten().filter(|key| key["suite"] == 2).peekable();
    Ok(shared.peek().is_some() && shared.all(|key| key["own_share"] != false))
}

async fn import_bytes(member: &Member, root: &Path, name: &str, bytes: &[u8]) -> Result<Value, Failure> {
    let path = root.join(name);
    std::fs::write(&path, bytes).map_err(Failure::new)?;
    let summary = member.command(&["import", &path.display().to_string()]).await;
    // Generated files can be large and are needed once.
    let _ = std::fs::remove_file(&path);
    summary
}

async fn answer(member: &Member, subject: (&str, &str)) -> Result<Value, Failure> {
    member.client()?.post("/v1/check", &json!({ "class": subject.0, "id": subject.1, "purpose": "demo" })).await
}

async fn feed_size(member: &Member, slug: &str) -> Result<u64, Failure> {
    let feeds: Value = member.client()?.get("/v1/feeds").await?;
    let feed = feeds.as_array().into_iter().flatten().find(|feed| feed["publisher"] == slug);
    Ok(feed.and_then(|feed| feed["size"].as_u64()).unwrap_or(0))
}

/// Polls until it is so; returns how long that took.
async fn wait_until<F: Future<Output = Result<bool, Failure>>>(mut so: impl FnMut() -> F) -> Result<Duration, Failure> {
    let began = Instant::now();
    while !so().await? {
        if began.elapsed() > PATIENCE {
            return Err(Failure::both("nothing happened within a minute", "一分钟内没有结果"));
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(began.elapsed())
}

fn expect(holds: bool, what: &str) -> Result<(), Failure> {
    // Only a defect of this program shows it; the reason is for whoever mends that.
    if holds {
        Ok(())
    } else {
        Err(Failure::both(format!("expected that {what}"), format!("这一步没有成立（{what}）")))
    }
}
