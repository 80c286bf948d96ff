//! A member that turns hostile: real keys, a real connection, and nothing honest behind it. The node writes it down, shuts it
//! out after three offences, goes on answering, and gets what it needs from others. Who is no member does not get that far.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use antibrush_node::{
    keys::{KeyStore, Keys, Protection, Signer},
    network::{self, Address, Command, Event, Tap},
};
use antibrush_protocol::{
    base::{Hash, MemberNumber, Timestamp, Token},
    charter::SignedCharter,
    codes::{Conduct, List, Severity},
    entry::{Entry, Listing},
    feed::{
        Head,
        build::{Body, Place},
    },
    merkle::Frontier,
    replica::{Peer, RequestId, Topic},
    subject::Class,
    sync::{Heads, PeerHead, Request, Response},
};
use antibrush_tests::{Alliance, Node, listing_of, wait_until};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

type Answer = Box<dyn Fn(&Request) -> Option<Response> + Send>;

/// A node of our own making on the network.
struct Hostile {
    runtime: Runtime,
    commands: tokio::sync::mpsc::Sender<Command>,
    stop: CancellationToken,
    connected: Arc<AtomicBool>,
    disconnected: Arc<AtomicBool>,
    refused: Arc<AtomicBool>,
}

impl Hostile {
    /// Goes on the network under `secret`, connects to the victim and answers what it is asked as `answer` says.
    fn start(secret: &[u8; 32], alliance: Hash, listen: &str, victim: (Peer, &str), answer: Answer) -> Hostile {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let listen = [listen.parse().unwrap()];
        let mut secret = *secret;
        let started = runtime
            .block_on(network::start(&mut secret, alliance, &listen, Tap::none(), stop.clone(), &tasks))
            .unwrap();
        let (commands, mut events) = (started.commands, started.events);
        let address = Address { peer: victim.0, addresses: vec![victim.1.parse().unwrap()], former: false };
        runtime.block_on(commands.send(Command::Members(vec![address]))).unwrap();
        let flags: [Arc<AtomicBool>; 3] = Default::default();
        let [connected, disconnected, refused] = flags.clone();
        let answers = commands.clone();
        runtime.spawn(async move {
            while let Some(event) = events.recv().await {
                match event {
                    Event::Connected(_) => flags[0].store(true, Ordering::Relaxed),
                    Event::Disconnected(_) => flags[1].store(true, Ordering::Relaxed),
                    Event::Response { outcome, .. } => flags[2].store(outcome.is_err(), Ordering::Relaxed),
                    Event::Request { handle, request, .. } => {
                        let response = answer(&request);
                        if let Some(response) = response {
                            let _ = answers.send(Command::Answer { handle, response }).await;
                        }
                    }
                    Event::Gossip { .. } | Event::Undecodable | Event::Join { .. } => {}
                }
            }
        });
        Hostile { runtime, commands, stop, connected, disconnected, refused }
    }

    fn send(&self, command: Command) {
        self.runtime.block_on(self.commands.send(command)).unwrap();
    }

    fn gossip(&self, bytes: Vec<u8>) {
        self.send(Command::Gossip { topic: Topic::Heads, bytes: bytes.into() });
    }

    fn wait_for_connection(&self) {
        wait_until("the hostile node is connected", || self.connected.load(Ordering::Relaxed));
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What the hostile member has of the alliance: its keys and the newest charter.
struct Member {
    keys: Keys,
    charter: SignedCharter,
    alliance: Hash,
}

impl Member {
    fn of(node: &Node, alliance: &Alliance) -> Member {
        let objects = alliance["alibaba"].http().get("/v1/archive/charters").ok();
        let newest = objects["objects"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
        Member {
            keys: KeyStore::open(&node.directory, &Protection::InClearDangerously).unwrap(),
            charter: SignedCharter::decode(&STANDARD.decode(newest).unwrap()).unwrap(),
            alliance: hex::decode(&alliance.id).unwrap().try_into().unwrap(),
        }
    }

    fn number(&self, slug: &str) -> MemberNumber {
        self.charter.charter().member_by_slug(slug).unwrap().number
    }

    fn node_key(&self, slug: &str) -> Peer {
        self.charter.charter().member_by_slug(slug).unwrap().nodes[0].key
    }

    fn heads(&self, feeds: Vec<PeerHead>) -> Heads {
        Heads { charter: self.charter.charter().number, charter_id: self.charter.id(), feeds, clock: now() }
    }

    /// A first header of a feed as somebody signs it.
    fn header(&self, publisher: &str, now: Timestamp, signer: &dyn Signer) -> Vec<u8> {
        let (alliance, charter) = (self.alliance, self.charter.id());
        let place = Place { alliance, charter, publisher: self.number(publisher), log: None, previous: None, now };
        let (header, _) = Body::new(place.publisher, 0).seal(&place, Frontier::new(), signer).unwrap();
        header.envelope().to_vec()
    }

    fn start(&self, node: &Node, victim: &Node, answer: Answer) -> Hostile {
        let secret = self.keys.node().unwrap().secret();
        Hostile::start(&secret, self.alliance, &node.listen, (self.node_key(&victim.slug), &victim.listen), answer)
    }
}

fn now() -> Timestamp {
    antibrush_node::clock::wall()
}

/// alibaba and jd are honest and run; mallory is admitted, and we have its keys.
fn scene() -> (Alliance, Member) {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    alliance.join("mallory", "platform");
    for slug in ["alibaba", "jd"] {
        let mut http = alliance[slug].http();
        wait_until("the charter with mallory is in force", || http.get("/v1/status").ok()["charter"] == 3);
    }
    let member = Member::of(&alliance["mallory"], &alliance);
    (alliance, member)
}

fn offender(node: &Node) -> Option<Value> {
    let status = node.http().get("/v1/status").ok();
    status["offenders"].as_array().unwrap().iter().find(|offender| offender["member"] == "mallory").cloned()
}

fn is_banned(node: &Node) -> bool {
    offender(node).is_some_and(|offender| offender["banned"] == true && offender["offences"].as_u64() >= Some(3))
}

/// The victim answers, publishes, and hears from the honest member.
fn assert_well(alliance: &Alliance) {
    let id = ["jd:all-is-well".to_owned()];
    alliance["jd"].list_accounts(&id);
    wait_until("the honest member's listing arrives", || alliance["alibaba"].answer("ACC", &id[0]) == "listed");
    let id = ["taobao:all-is-well".to_owned()];
    alliance["alibaba"].list_accounts(&id);
    wait_until("the victim's listing arrives", || alliance["jd"].answer("ACC", &id[0]) == "listed");
    alliance["alibaba"].verify("jd");
    assert!(!alliance["alibaba"].log().contains("panicked"));
}

fn answer_heads(heads: Heads) -> Answer {
    Box::new(move |request| match request {
        Request::Heads(_) => Some(Response::Heads(heads.clone())),
        _ => Some(Response::Absent),
    })
}

#[test]
fn garbage_by_gossip() {
    let (alliance, mallory) = scene();
    let hostile = mallory.start(&alliance["mallory"], &alliance["alibaba"], answer_heads(mallory.heads(Vec::new())));
    hostile.wait_for_connection();
    let mut sent = 0u32;
    let took = wait_until("mallory is banned", || {
        // Each one differs, or gossip would take it for a repetition.
        hostile.gossip(format!("garbage {sent}").into_bytes());
        sent += 1;
        is_banned(&alliance["alibaba"])
    });
    println!("banned after {sent} messages and {took:?}: {:?}", offender(&alliance["alibaba"]));
    wait_until("mallory is disconnected", || hostile.disconnected.load(Ordering::Relaxed));
    let metrics = alliance["alibaba"].http().get("/metrics").text();
    let line =
        metrics.lines().find(|line| line.contains("peer_offences_total{kind=\"undecodable\"}")).unwrap_or_default();
    assert!(!line.ends_with(" 0") && !line.is_empty(), "{metrics}");
    assert!(refused(&alliance["alibaba"], "encoding") >= 3, "{metrics}");
    assert_well(&alliance);
    assert!(offender(&alliance["jd"]).is_none_or(|o| o["banned"] == false), "the honest member passed nothing on");
}

/// How often a node dropped an object of a peer by a rule.
fn refused(node: &Node, rule: &str) -> u64 {
    let name = format!("antibrush_refused_total{{rule=\"{rule}\"}} ");
    let metrics = node.http().get("/metrics").text();
    metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
}

/// Well-formed headers in another member's name, signed with the hostile one's own key.
#[test]
fn headers_signed_by_another_key() {
    let (alliance, mallory) = scene();
    let hostile = mallory.start(&alliance["mallory"], &alliance["alibaba"], answer_heads(mallory.heads(Vec::new())));
    hostile.wait_for_connection();
    let mut sent = 0;
    wait_until("mallory is banned", || {
        sent += 1;
        hostile.gossip(mallory.header("jd", Timestamp(now().0 - sent), mallory.keys.feed().unwrap()));
        is_banned(&alliance["alibaba"])
    });
    wait_until("mallory is disconnected", || hostile.disconnected.load(Ordering::Relaxed));
    let feed = alliance["alibaba"].http().get("/v1/feeds/jd").ok();
    assert_eq!(feed["standing"], "open", "a forgery freezes nobody's feed");
    assert!(refused(&alliance["alibaba"], "HEADER-11") >= 3);
    assert_well(&alliance);
}

/// The hostile member says that it has what an honest one published, and answers with other bytes.
#[test]
fn wrong_chunks() {
    let (mut alliance, mallory) = scene();
    alliance["alibaba"].stop();
    let ids: Vec<String> = (0..500).map(|n| format!("jd:wanted-{n}")).collect();
    // Three batches and so three chunks, which are asked for at once: after an offence a peer is left alone for a while.
    for some in ids.chunks(200) {
        alliance["jd"].list_accounts(some);
    }
    let headers = alliance["jd"].http().get("/v1/archive/feeds/jd/headers").ok();
    let headers: Vec<Arc<[u8]>> = headers["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| STANDARD.decode(h.as_str().unwrap()).unwrap().into())
        .collect();
    alliance["jd"].stop();

    let jd = mallory.number("jd");
    let last =
        antibrush_protocol::signed::Signed::<antibrush_protocol::feed::BatchHeader>::decode(headers.last().unwrap())
            .unwrap();
    let heads = mallory.heads(vec![PeerHead { publisher: jd, seq: last.payload().seq, id: last.id() }]);
    let answer = move |request: &Request| {
        Some(match request {
            Request::Heads(_) => Response::Heads(heads.clone()),
            Request::Headers { publisher, from } if *publisher == jd => {
                Response::Headers(headers[*from as usize..].to_vec())
            }
            Request::Chunk { .. } => Response::Chunk(vec![0xA0; 1000].into()),
            _ => Response::Absent,
        })
    };
    let hostile = mallory.start(&alliance["mallory"], &alliance["alibaba"], Box::new(answer));
    alliance["alibaba"].start();
    hostile.wait_for_connection();
    wait_until("mallory is banned", || is_banned(&alliance["alibaba"]));
    let alibaba = &alliance["alibaba"];
    assert_eq!(alibaba.answer("ACC", &ids[0]), "stale", "nothing of it counts");
    assert_eq!(alibaba.http().get("/v1/feeds/jd").ok()["standing"], "open", "the publisher is not to blame");
    alliance["jd"].start();
    alliance.wait_for_leaves("jd", 500);
    assert_eq!(alliance["alibaba"].answer("ACC", &ids[499]), "listed");
    assert_well(&alliance);
}

/// The hostile member announces a batch and shows nobody its body: everybody sees by name who does that, until it comes.
#[test]
fn who_announces_and_withholds_the_body_is_named() {
    let (alliance, mallory) = scene();
    let (place, signer) = (
        Place {
            alliance: mallory.alliance,
            charter: mallory.charter.id(),
            publisher: mallory.number("mallory"),
            log: None,
            previous: None,
            now: now(),
        },
        mallory.keys.feed().unwrap(),
    );
    let mut body = Body::new(place.publisher, 0);
    body.push(&entry()).unwrap();
    let (header, chunks) = body.seal(&place, Frontier::new(), signer).unwrap();
    let head = PeerHead { publisher: place.publisher, seq: 0, id: header.id() };
    let (heads, envelope) = (mallory.heads(vec![head]), header.envelope().clone());
    let shows = Arc::new(AtomicBool::new(false));
    let (does, chunk) = (shows.clone(), chunks[0].clone());
    let answer = move |request: &Request| {
        Some(match request {
            Request::Heads(_) => Response::Heads(heads.clone()),
            Request::Headers { publisher, from: 0 } if *publisher == head.publisher => {
                Response::Headers(vec![envelope.clone()])
            }
            Request::Chunk { .. } if does.load(Ordering::Relaxed) => Response::Chunk(chunk.clone()),
            _ => Response::Absent,
        })
    };
    let hostile = mallory.start(&alliance["mallory"], &alliance["alibaba"], Box::new(answer));
    hostile.wait_for_connection();
    hostile.gossip(header.envelope().to_vec());
    let status = |slug: &str| alliance[slug].http().get("/v1/status").ok();
    wait_until("the batch is announced", || alliance["alibaba"].http().get("/v1/feeds/mallory").ok()["waiting"] == 1);
    assert_eq!(status("alibaba")["withheld"], json!([]), "it may be on its way");
    antibrush_tests::wait_for("who withholds it is named", Duration::from_secs(90), || {
        (status("alibaba")["withheld"][0]["publisher"] == "mallory").then_some(())
    });
    let said = status("alibaba");
    let withheld = said["withheld"].as_array().unwrap();
    assert!(withheld.len() == 1 && withheld[0]["seq"] == 0 && withheld[0]["seconds"].as_u64() >= Some(30), "{said}");
    assert!(said["notes"].to_string().contains("mallory announced batch 0, and nobody has shown its body"), "{said}");
    let shown = alliance["alibaba"].outcome(&["status"]).stdout;
    let row = shown.lines().find(|line| line.contains("mallory")).unwrap();
    assert!(row.contains("withholds a body"), "{shown}");
    let name = "antibrush_feed_withheld_seconds{publisher=\"mallory\"} ";
    let metric = || {
        let metrics = alliance["alibaba"].http().get("/metrics").text();
        metrics.lines().find_map(|line| line.strip_prefix(name)?.parse::<u64>().ok())
    };
    assert!(metric() >= Some(30), "{:?}", metric());
    assert!(offender(&alliance["alibaba"]).is_none(), "no body yet is no offence");
    assert_well(&alliance);
    // It comes, and nobody is named any more.
    shows.store(true, Ordering::Relaxed);
    wait_until("the body comes", || alliance["alibaba"].http().get("/v1/feeds/mallory").ok()["size"] == 1);
    assert_eq!((&status("alibaba")["withheld"], metric()), (&json!([]), None));
}

fn entry() -> Entry {
    Entry::List(Listing {
        class: Class::Acc,
        epoch: 1,
        token: Token([7; 32]),
        list: List::Cxh,
        conduct: Conduct::C01,
        severity: Severity::Ordinary,
        role: None,
        direction: None,
        region: None,
        day: now().day(),
        expires: now().day().plus(100),
        basis: "test/1".to_owned(),
        evidence: [1; 32],
        name: None,
        sealed: None,
        carries: None,
        document: None,
    })
}

/// A header of tomorrow: some clock is wrong. It is not taken and named in the log, but nobody is banned for it.
#[test]
fn a_header_issued_a_day_ahead_is_not_taken_and_named_in_the_log() {
    let (alliance, mallory) = scene();
    let hostile = mallory.start(&alliance["mallory"], &alliance["alibaba"], answer_heads(mallory.heads(Vec::new())));
    hostile.wait_for_connection();
    let mut ahead = 86_400;
    wait_until("the log names it", || {
        ahead += 1;
        hostile.gossip(mallory.header("mallory", now().plus(ahead), mallory.keys.feed().unwrap()));
        alliance["alibaba"].log().contains("issued in the future; one of the two clocks is wrong")
    });
    assert_eq!(offender(&alliance["alibaba"]), None);
    let feed = alliance["alibaba"].http().get("/v1/feeds/mallory").ok();
    assert_eq!((&feed["size"], feed.get("seq")), (&json!(0), None));
    // From a file it is refused in one sentence.
    let header = STANDARD.encode(mallory.header("mallory", now().plus(86_400), mallory.keys.feed().unwrap()));
    let reply = alliance["alibaba"].http().post("/v1/archive/feeds/mallory/headers", &json!({ "objects": [header] }));
    assert_eq!(reply.problem(), (400, "bad-request".to_owned()));
    assert!(reply.text().contains("one of the two clocks is wrong"));
    // With its clock set right the same member is heard.
    hostile.gossip(mallory.header("mallory", now(), mallory.keys.feed().unwrap()));
    wait_until("the right header is taken", || alliance["alibaba"].http().get("/v1/feeds/mallory").ok()["seq"] == 0);
}

/// SYNC-4: two members say that it is yesterday. Whoever is alone with its clock signs nothing, for everybody would refuse
/// a header of tomorrow; with one peer alone nobody can say who is wrong.
#[test]
fn a_clock_a_day_ahead_of_most_members_signs_nothing() {
    let mut alliance = Alliance::founded("alibaba");
    for slug in ["mallory", "trent"] {
        alliance.join(slug, "platform");
    }
    let yesterday = |slug: &str| {
        let member = Member::of(&alliance[slug], &alliance);
        let heads = Heads { clock: Timestamp(now().0 - 86_400), ..member.heads(Vec::new()) };
        member.start(&alliance[slug], &alliance["alibaba"], answer_heads(heads))
    };
    let publish = |id: &str| alliance["alibaba"].http().post("/v1/listings", &listing_of(&[id.to_owned()]));
    let first = yesterday("mallory");
    first.wait_for_connection();
    publish("taobao:one-against-one").ok();
    let second = yesterday("trent");
    second.wait_for_connection();
    let mut notes = String::new();
    wait_until("the node knows that it is alone with its clock", || {
        notes = alliance["alibaba"].http().get("/v1/status").ok()["notes"].to_string();
        notes.contains("ahead of the clocks of most connected members; set the clock") && notes.contains("校准时钟")
    });
    let reply = publish("taobao:two-against-one");
    assert_eq!(reply.problem(), (409, "clock".to_owned()));
    assert!(reply.text().contains("this computer's clock is 864"), "{}", reply.text());
    assert_eq!(alliance["alibaba"].answer("ACC", "taobao:two-against-one"), "stale");
    drop(second);
    wait_until("it is one against one again", || publish("taobao:two-against-one").status == 200);
}

/// A clock that went back since the last batch: nothing is signed before that time.
#[test]
fn a_clock_behind_the_own_last_batch_signs_nothing() {
    let mut alliance = Alliance::founded("alibaba");
    alliance.join("mallory", "platform");
    let own = Member::of(&alliance["alibaba"], &alliance);
    let mut http = alliance["alibaba"].http();
    wait_until("the founder's first heartbeat", || http.get("/v1/feeds/alibaba").ok()["seq"].is_u64());
    let headers = http.get("/v1/archive/feeds/alibaba/headers").ok();
    let last = STANDARD.decode(headers["objects"].as_array().unwrap().last().unwrap().as_str().unwrap()).unwrap();
    let last = antibrush_protocol::signed::Signed::<antibrush_protocol::feed::BatchHeader>::decode(&last).unwrap();
    let place = Place {
        alliance: own.alliance,
        charter: own.charter.id(),
        publisher: own.number("alibaba"),
        log: None,
        previous: Some(Head::of(last.payload(), last.id())),
        now: now().plus(300),
    };
    let (header, _) = Body::new(place.publisher, 0).seal(&place, Frontier::new(), own.keys.feed().unwrap()).unwrap();
    let objects = json!({ "objects": [STANDARD.encode(header.envelope())] });
    assert_eq!(http.post("/v1/archive/feeds/alibaba/headers", &objects).ok()["seq"], 1);
    let reply = http.post("/v1/listings", &listing_of(&["taobao:late".to_owned()]));
    assert_eq!(reply.problem(), (409, "clock".to_owned()));
    assert!(reply.text().contains("seconds behind the last batch; set the clock"), "{}", reply.text());
}

/// Somebody without a seat in the charter is shown the door and gets no answer.
#[test]
fn a_stranger_is_disconnected() {
    let (alliance, mallory) = scene();
    let victim = &alliance["alibaba"];
    let key = mallory.node_key("alibaba");
    let everything: Answer = Box::new(|_| Some(Response::Absent));
    let listen = Node::new(alliance.root(), "stranger").listen.clone();
    let stranger = Hostile::start(&[7; 32], mallory.alliance, &listen, (key, &victim.listen), everything);
    stranger.wait_for_connection();
    stranger.send(Command::Request { id: RequestId(1), peer: key, request: Request::Charters { from: 1 } });
    wait_until("the stranger is disconnected", || stranger.disconnected.load(Ordering::Relaxed));
    wait_until("its request fails", || stranger.refused.load(Ordering::Relaxed));
    let status = victim.http().get("/v1/status").ok();
    assert_eq!((&status["connected"], &status["offenders"]), (&json!(1), &json!([])), "only jd is there");
    // While an invitation is out it may stay to join, but is told nothing else.
    alliance.invite("newcomer", "platform");
    stranger.connected.store(false, Ordering::Relaxed);
    stranger.wait_for_connection();
    stranger.refused.store(false, Ordering::Relaxed);
    stranger.send(Command::Request { id: RequestId(2), peer: key, request: Request::Charters { from: 1 } });
    antibrush_tests::wait_for("no answer and an end", Duration::from_secs(90), || {
        stranger.refused.load(Ordering::Relaxed).then_some(())
    });
    assert_eq!(victim.http().get("/v1/status").ok()["connected"], 1);
}
