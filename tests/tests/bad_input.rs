//! What goes wrong outside of the program: every refusal is one sentence with the reason and the next step, on standard
//! error, with a status other than 0; and nothing that was stored is lost.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, path::Path, process::Command};

use antibrush_node::{
    core::{Founding, found},
    keys::{KeyRole, KeyStore, Protection},
    profile::Profile,
    storage::{Store, lock::DataDir},
};
use antibrush_protocol::{
    charter::{Level, Policy},
    join::Invitation,
    subject::Class,
};
use antibrush_tests::{Alliance, Node, uscc, wait_until};

const PASSPHRASE: &str = "correct horse battery staple";

fn environment(node: &mut Node, name: &str, value: &str) {
    node.environment.retain(|(known, _)| known != name);
    node.environment.push((name.to_owned(), value.to_owned()));
}

fn in_chinese(node: &mut Node) {
    environment(node, "LANG", "zh_CN.UTF-8");
}

/// A node that does not start says why in one sentence; a command on its directory says the same.
fn refused_start(node: &mut Node) -> String {
    let refusal = node.refused(&["run"]);
    let last = node.try_start().unwrap_err();
    let said: serde_json::Value = serde_json::from_str(&last).unwrap();
    assert_eq!(said["error"], refusal.as_str());
    refusal
}

#[test]
fn a_wrong_or_missing_passphrase() {
    let root = tempfile::tempdir().unwrap();
    let mut node = Node::new(root.path(), "alibaba");
    environment(&mut node, "ANTIBRUSH_PASSPHRASE", PASSPHRASE);
    let code = uscc(1);
    node.command(&node.init_arguments("platform", &code, &[]));
    node.command(&["alliance", "create", "--name-zh", "测试", "--name-en", "Test"]);
    node.start();
    node.stop();

    environment(&mut node, "ANTIBRUSH_PASSPHRASE", "correct horse battery stable");
    let said = refused_start(&mut node);
    assert!(said.contains("the passphrase does not open") && said.contains("check it, or restore"), "{said}");
    node.environment.clear();
    let said = refused_start(&mut node);
    assert!(said.contains("no passphrase for the keys; give it in one of these ways"), "{said}");
    environment(&mut node, "ANTIBRUSH_PASSPHRASE", "");
    refused_start(&mut node);
    // From a file, whose first line counts.
    node.environment.clear();
    let file = root.path().join("passphrase");
    fs::write(&file, format!("{PASSPHRASE}\nignored\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    environment(&mut node, "ANTIBRUSH_PASSPHRASE_FILE", &file.display().to_string());
    node.start();
    node.stop();
    environment(&mut node, "ANTIBRUSH_PASSPHRASE_FILE", "/nonexistent/passphrase");
    refused_start(&mut node);

    // A new key wants a passphrase that deserves the name.
    let mut short = Node::new(root.path(), "short");
    environment(&mut short, "ANTIBRUSH_PASSPHRASE", "1234");
    let said = short.refused(&short.init_arguments("platform", &code, &[]));
    assert!(said.contains("a new key needs"), "{said}");
}

#[test]
fn keys_that_others_can_read_or_that_are_damaged() {
    let mut alliance = Alliance::with(&["alibaba"]);
    let node = &mut alliance["alibaba"];
    node.list_accounts(&["taobao:kept".to_owned()]);
    node.stop();
    let key = fs::read_dir(node.directory.join("keys")).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let said = refused_start(node);
    assert!(said.contains("has mode 0644") && said.contains("run: chmod 600"), "{said}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let content = fs::read(&key).unwrap();
    fs::write(&key, b"-----BEGIN NONSENSE-----\n").unwrap();
    let said = refused_start(node);
    assert!(said.contains("restore it from its backup"), "{said}");
    fs::remove_file(&key).unwrap();
    refused_start(node);
    fs::write(&key, content).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    node.start();
    assert_eq!(node.answer("ACC", "taobao:kept"), "listed");
}

#[test]
fn a_data_directory_in_use_and_taken_ports() {
    let mut alliance = Alliance::with(&["alibaba"]);
    let node = &mut alliance["alibaba"];
    let said = node.refused(&["run"]);
    let pid = node.pid().to_string();
    assert!(said.contains("is in use by") && said.contains(&pid) && said.contains("stop that node first"), "{said}");
    let said = node.refused(&["alliance", "create", "--name-zh", "又", "--name-en", "Again"]);
    assert!(said.contains("is in use by"), "{said}");
    let again = uscc(9);
    assert!(
        node.refused(&node.init_arguments("platform", &again, &["--keys-in-clear-dangerously"]))
            .contains("is in use by")
    );
    assert_eq!(node.answer("ACC", "taobao:nobody"), "not_listed", "the running node did not notice");
    node.stop();

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let said = node.refused(&["run", "--api", &address.to_string()]);
    assert!(
        said.contains(&format!("cannot listen on {address} for HTTP"))
            && said.contains("choose another one with --api"),
        "{said}"
    );
    let listen = format!("/ip4/127.0.0.1/tcp/{}", address.port());
    let said = node.refused(&["run", "--listen", &listen]);
    assert!(
        said.contains(&format!("cannot listen on {listen}")) && said.contains("choose another one with --listen"),
        "{said}"
    );
    drop(taken);
    node.start();
}

/// A tmpfs of a few MiB; unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<SmallDisk> {
        let directory = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(directory.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(SmallDisk(directory)),
            other => {
                println!("skipped: no tmpfs can be mounted here (root is needed): {other:?}");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn founded(root: &Path) -> Node {
    let node = Node::init(root, "alibaba", "platform", 1);
    node.command(&["alliance", "create", "--name-zh", "测试", "--name-en", "Test", "--accept-insider-enumeration"]);
    node
}

#[test]
fn a_full_disk() {
    let Some(disk) = SmallDisk::mount("24m") else { return };
    let mut node = founded(disk.0.path());
    node.start();
    let ids = |batch: u32| (0..2000).map(|n| format!("taobao:disk-{batch}-{n}")).collect::<Vec<_>>();
    let body = |batch: u32| {
        let item = |id: &String| serde_json::json!({ "class": "ACC", "id": id, "conduct": "C01", "evidence": "e" });
        serde_json::json!({ "items": ids(batch).iter().map(item).collect::<Vec<_>>() })
    };
    let mut acknowledged = 0;
    let refusal = loop {
        assert!(acknowledged < 1000, "the disk never filled");
        let reply = node.http().post("/v1/listings", &body(acknowledged));
        if reply.status != 200 {
            break reply;
        }
        acknowledged += 1;
    };
    println!("full after {acknowledged} batches: {}", refusal.text());
    assert_eq!(refusal.problem(), (507, "storage".to_owned()));
    assert!(
        refusal.text().contains("free space") && refusal.text().contains("nothing stored was lost"),
        "{}",
        refusal.text()
    );
    let lists = |node: &Node| {
        for batch in [0, acknowledged - 1] {
            assert_eq!(node.answer("ACC", &ids(batch)[1999]), "listed", "batch {batch} of {acknowledged}");
        }
        assert_eq!(node.feed_size("alibaba"), u64::from(acknowledged) * 2000);
        assert_eq!(node.verify("alibaba")["leaves"], u64::from(acknowledged) * 2000);
    };
    lists(&node);
    // It opens again on the full disk, too, or says in one sentence why not; with space it does and takes more.
    node.kill();
    match node.try_start() {
        Ok(()) => lists(&node),
        Err(said) => println!("on the full disk it does not open: {said}"),
    }
    node.kill();
    let remounted = Command::new("mount").args(["-o", "remount,size=64m"]).arg(disk.0.path()).status().unwrap();
    assert!(remounted.success());
    node.start();
    lists(&node);
    assert_eq!(node.list_accounts(&ids(acknowledged))["counted"]["listed"], 2000);
    node.kill();
}

/// A charter of tomorrow: this computer's clock is a day behind, or the steward's is ahead.
#[test]
fn a_clock_that_is_wrong_by_a_day() {
    let root = tempfile::tempdir().unwrap();
    let mut node = Node::init(root.path(), "alibaba", "platform", 1);
    let protection = Protection::InClearDangerously;
    {
        let data = DataDir::lock(&node.directory).unwrap();
        KeyStore::create(data.path(), &[KeyRole::Steward], &protection).unwrap();
        let keys = KeyStore::open(data.path(), &protection).unwrap();
        let founding = Founding {
            name_zh: "测试".to_owned(),
            name_en: "Test".to_owned(),
            level: Level::National,
            region: None,
            policy: Policy { accepts_insider_enumeration: true, ..Policy::default() },
            classes: Class::ALL.to_vec(),
        };
        let tomorrow = antibrush_node::clock::wall().plus(86_400);
        let profile = Profile::read(data.path()).unwrap();
        let charter = found(&founding, &profile, &keys, &[node.listen.parse().unwrap()], tomorrow).unwrap();
        let (store, _) = Store::open(&data).unwrap();
        store.put_charter(&charter).unwrap();
    }
    let said = refused_start(&mut node);
    assert!(
        said.starts_with("this computer's clock shows 2") && said.ends_with("set the clock, then start the node again"),
        "{said}"
    );
    assert_eq!(node.refused(&["status"]), said, "every command that opens the node says so");
}

#[test]
fn a_broken_configuration() {
    let mut alliance = Alliance::with(&["alibaba"]);
    let node = &mut alliance["alibaba"];
    node.stop();
    let path = node.directory.join("antibrush.toml");
    let good = fs::read_to_string(&path).unwrap();
    for (broken, named) in [
        ("listen = [".to_owned(), "antibrush.toml"),
        (good.replace("listen =", "listn ="), "listn"),
        (good.replace("api = \"127.0.0.1:0\"", "api = \"localhost\""), "api"),
        (good.replace("api = \"127.0.0.1:0\"", "api = 7"), "api"),
        (good.replace("log_format = \"text\"", "log_format = \"xml\""), "xml"),
        (good.replace("/ip4/127.0.0.1/tcp", "/ip5/127.0.0.1/tcp"), "listen"),
        (good.replace("log = \"info\"", "log = \"loud=!\""), "log"),
    ] {
        assert_ne!(broken, good);
        fs::write(&path, &broken).unwrap();
        let said = node.refused(&["run"]);
        assert!(said.contains(named), "{named}: {said}");
    }
    fs::write(&path, good).unwrap();
    environment(node, "ANTIBRUSH_API", "nowhere");
    assert!(node.refused(&["run"]).contains("refused"));
    node.environment.clear();
    assert!(node.refused(&["run", "--config", "/nonexistent.toml"]).contains("/nonexistent.toml"));
    node.start();
}

/// The environment outweighs the file, flags outweigh both.
#[test]
fn what_outweighs_what() {
    let mut alliance = Alliance::with(&["alibaba"]);
    let node = &mut alliance["alibaba"];
    node.stop();
    let path = node.directory.join("antibrush.toml");
    let good = fs::read_to_string(&path).unwrap();
    let taken: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let [of_file, of_environment, of_flag] = [0, 1, 2].map(|n| taken[n].local_addr().unwrap().to_string());
    // Which address is refused as taken tells which one was meant.
    fs::write(&path, good.replace("127.0.0.1:0", &of_file)).unwrap();
    assert!(node.refused(&["run"]).contains(&of_file));
    environment(node, "ANTIBRUSH_API", &of_environment);
    assert!(node.refused(&["run"]).contains(&of_environment));
    assert!(node.refused(&["run", "--api", &of_flag]).contains(&of_flag));
    node.environment.clear();
    fs::write(&path, good).unwrap();
}

#[test]
fn an_invitation_that_is_used_expired_garbled_or_for_somebody_else() {
    let mut alliance = Alliance::with(&["alibaba"]);
    let invitation = alliance.invite("jd", "platform");
    let root = alliance.root().to_path_buf();
    let newcomer = |slug: &str, number| {
        let mut node = Node::new(&root, slug);
        node.slug = "jd".to_owned();
        let code = uscc(number);
        node.command(&node.init_arguments("platform", &code, &["--keys-in-clear-dangerously"]));
        node
    };
    let mut jd = newcomer("jd", 2);
    // Garbled: a letter changed, cut, in other words altogether.
    let changed: String =
        invitation.char_indices().map(|(at, c)| if at == 40 { if c == 'a' { 'b' } else { 'a' } } else { c }).collect();
    for (garbled, reason) in [
        (changed.as_str(), "its checksum does not match"),
        (&invitation[..invitation.len() - 2], "its checksum does not match"),
        ("antibrush1", "its checksum does not match"),
        ("hello", "this is not an invitation"),
        ("antibrush1!!!!", "this is not an invitation"),
    ] {
        let said = jd.refused(&["join", garbled]);
        assert!(said.contains(reason), "{garbled}: {said}");
    }
    // Expired, as its own line says.
    let expired =
        Invitation { expires: antibrush_protocol::base::Timestamp(1), ..Invitation::from_text(&invitation).unwrap() };
    assert_eq!(jd.refused(&["join", &expired.to_text()]), "the invitation has expired; ask the steward for a new one");
    in_chinese(&mut jd);
    assert_eq!(jd.refused(&["join", &expired.to_text()]), "邀请码已过期：请向秘书处重新索取");
    jd.environment.clear();
    // A secret that the steward never gave out; a name that the invitation was not for.
    let unknown = Invitation { secret: [1; 16], ..Invitation::from_text(&invitation).unwrap() };
    let said = jd.refused(&["join", &unknown.to_text()]);
    assert!(
        said.starts_with("the steward's node refused: ") && said.ends_with("ask the steward for a new invitation"),
        "{said}"
    );
    let mut other = newcomer("other", 3);
    let profile = other.directory.join("profile.json");
    fs::write(&profile, fs::read_to_string(&profile).unwrap().replace("\"jd\"", "\"other\"")).unwrap();
    let said = other.refused(&["join", &invitation]);
    assert!(said.starts_with("the steward's node refused: "), "{said}");
    // An invitation of another alliance's id: the charter chain that comes back does not begin there.
    let foreign = Invitation { alliance: [7; 32], ..Invitation::from_text(&invitation).unwrap() };
    assert!(!jd.refused(&["join", &foreign.to_text()]).is_empty());

    jd.command(&["join", &invitation]);
    assert!(jd.refused(&["join", &invitation]).contains("belongs to an alliance already"));
    // Used: by somebody else with another key, while another invitation keeps the door open.
    let _open = alliance.invite("meituan", "platform");
    let second = newcomer("second", 4);
    let said = second.refused(&["join", &invitation]);
    assert!(said.starts_with("the steward's node refused: "), "{said}");
    // The steward's node is away.
    let third = alliance.invite("pdd", "platform");
    alliance["alibaba"].stop();
    let said = second.refused(&["join", &third]);
    assert!(said.starts_with("the steward's node cannot be reached"), "{said}");
    // None of it made a member: the founder and jd.
    alliance["alibaba"].start();
    assert_eq!(alliance["alibaba"].http().get("/v1/members").ok()["members"].as_array().unwrap().len(), 2);
    jd.start();
    wait_until("jd is heard", || alliance["alibaba"].http().get("/readyz").status == 200);
    other.stop();
}

#[test]
fn what_does_not_fit_a_command() {
    let root = tempfile::tempdir().unwrap();
    let mut nowhere = Node::new(root.path(), "nowhere");
    for command in [
        &["run"][..],
        &["status"],
        &["check", "--class", "ACC", "--id", "jd:1"],
        &["import", "/dev/null"],
        &["feed", "show"],
        &["alliance", "members"],
        &["join", "antibrush1aaaa"],
    ] {
        let said = nowhere.refused(command);
        let next = said.contains("run: antibrush init --dir") || said.contains("its checksum does not match");
        assert!(next, "{command:?}: {said}");
    }
    assert!(!nowhere.directory.exists(), "a wrong --dir leaves nothing behind");
    let good = uscc(1);
    for (slug, code, role, named) in [
        ("J", good.as_str(), "platform", "the short name must have 2 to 32 characters"),
        ("jd", "91110108551385082X", "platform", "--uscc is not a valid unified social credit code"),
        ("jd", good.as_str(), "king", "the role must be platform, observer, key-holder or gateway"),
    ] {
        nowhere.slug = slug.to_owned();
        let said = nowhere.refused(&nowhere.init_arguments(role, code, &["--keys-in-clear-dangerously"]));
        assert!(said.contains(named), "{said}");
    }
    assert!(!nowhere.directory.exists());
    // A member that has not joined: the sentence says what comes next.
    let mut alone = Node::init(root.path(), "alone", "platform", 5);
    let said = refused_start(&mut alone);
    assert!(said.contains("antibrush alliance create") && said.contains("antibrush join"), "{said}");
    in_chinese(&mut alone);
    let code = uscc(5);
    let said = alone.refused(&alone.init_arguments("platform", &code, &["--keys-in-clear-dangerously"]));
    assert!(said.ends_with("已有节点：请换一个 --dir"), "{said}");
    assert!(alone.refused(&["check", "--class", "没有", "--id", "1"]).starts_with("没有这个主体类型"));
    let said = alone.refused(&["import", "/nonexistent.csv"]);
    assert_eq!(said, "无法读取 /nonexistent.csv（文件或目录不存在，错误码 2）：请检查路径和权限");
    assert_eq!(
        alone.refused(&["status"]),
        "本节点尚未加入任何联盟：请成立联盟（antibrush alliance create）或加入联盟（antibrush join 邀请码）"
    );
}

#[test]
fn files_that_are_none() {
    let alliance = Alliance::with(&["alibaba"]);
    let node = &alliance["alibaba"];
    let junk = alliance.file("junk", b"\xFF\xFEjunk").display().to_string();
    let id = &alliance.id;
    let missing = alliance.root().join("missing").display().to_string();
    let directory = alliance.root().display().to_string();
    for (command, named) in [
        (vec!["proof", "verify", &junk, "--alliance", id], "is not a proof file"),
        (vec!["proof", "verify", &missing, "--alliance", id], "does not exist"),
        (vec!["proof", "verify", &junk, "--alliance", "abc"], "must be the 64 hex digits"),
        (vec!["filter", "check", &junk, "--class", "ACC", "--id", "jd:1"], "is not a filter file"),
        (vec!["filter", "build", &junk, "--out", &missing], ""),
        (vec!["feed", "import", &directory], "is no feed archive"),
        (vec!["import", &directory], "cannot be read"),
        (vec!["import", &junk], ""),
        (vec!["proof", "inclusion", "--publisher", "alibaba", "--index", "0", "--out", &missing], "no such leaf"),
        (vec!["proof", "inclusion", "--publisher", "alibaba", "--out", &missing], "name the entry by --index"),
        (vec!["list", "--class", "ACC", "--id", "jd:1", "--conduct", "C55", "--evidence", "e"], ""),
        (vec!["list", "--class", "MOB", "--id", "1", "--conduct", "C01", "--evidence", "e"], ""),
        (vec!["list", "--class", "ACC", "--id", "jd:1", "--conduct", "C01", "--evidence", ""], "evidence"),
        (vec!["clear", "--class", "ACC", "--id", "jd:1", "--reason", "R01"], ""),
        (vec!["feed", "show", "--publisher", "nobody"], "no member of this short name publishes a feed"),
    ] {
        let said = node.refused(&command);
        assert!(said.contains(named) && said.len() > 10, "{command:?}: {said}");
        assert!(!said.contains("jd:1"), "no refusal repeats the identifier: {said}");
    }
    assert!(!Path::new(&missing).exists());
}

/// A damaged tokens file is refused by name, and the audit log survives.
#[test]
fn damaged_files_of_the_node() {
    let mut alliance = Alliance::with(&["alibaba"]);
    let node = &mut alliance["alibaba"];
    node.list_accounts(&["taobao:kept".to_owned()]);
    node.stop();
    for (file, content, named) in [
        ("api-tokens.json", "[{}]", "api-tokens.json is damaged"),
        ("api-tokens.json", "[{\"name\":\"a\",\"scopes\":[],\"sha256\":\"zz\"}]", "a digest is not 64 hex digits"),
        ("profile.json", "{", "profile.json is damaged"),
        ("format", "99\n", "reads format 2 only"),
    ] {
        let path = node.directory.join(file);
        let good = fs::read(&path).unwrap();
        fs::write(&path, content).unwrap();
        let said = node.refused(&["run"]);
        assert!(said.contains(named), "{file}: {said}");
        fs::write(&path, good).unwrap();
    }
    // The token table is derived: without it the node builds it again.
    node.start();
    node.stop();
    for entry in fs::read_dir(node.directory.join("table")).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::write(path, b"junk").unwrap()
        }
    }
    node.start();
    assert_eq!(node.answer("ACC", "taobao:kept"), "listed");
}
