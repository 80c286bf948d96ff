use super::{library, parse, schema};
use crate::lang::Lang;

/// The lines that every scenario needs, then what a test puts after them.
const HEAD: &str = "name_zh = \"试\"\nname_en = \"Test\"\nduration = \"1h\"\nconverge_within = \"10min\"\n\n[federation]\nnodes = 10\n";

fn refused(more: &str) -> (String, String) {
    let error = parse(&format!("{HEAD}{more}"), "x.toml").unwrap_err();
    let first = |text: String| text.lines().next().unwrap().to_owned();
    (first(error.say(Lang::En)), first(error.say(Lang::Zh)))
}

#[test]
fn a_bad_file_gets_its_line_and_what_was_expected() {
    let table = [
        (
            "observer = 1\n",
            "x.toml:8:1: there is no key \"observer\" here; known are alliances, nodes, observers, late_joiners, witnesses — did you mean \"observers\"?",
            "x.toml 第 8 行第 1 列：此处没有键 \"observer\"；可用的键：alliances、nodes、observers、late_joiners、witnesses。是否想写 \"observers\"？",
        ),
        (
            "[network]\nlos = \"1%\"\n",
            "x.toml:9:1: there is no key \"los\" here; known are distances, loss, duplication, reordering, bandwidth, firewalled, dials — did you mean \"loss\"?",
            "x.toml 第 9 行第 1 列：此处没有键 \"los\"；可用的键：distances、loss、duplication、reordering、bandwidth、firewalled、dials。是否想写 \"loss\"？",
        ),
        (
            "[network]\nloss = \"101%\"\n",
            "x.toml:9:8: loss must be a share: 0% to 100% with at most four decimals, like \"0.5%\"",
            "x.toml 第 9 行第 8 列：loss 应为比例：0% 至 100%，最多四位小数，例如 \"0.5%\"",
        ),
        (
            "[network]\ndials = 65\n",
            "x.toml:9:9: dials must be a whole number from 1 to 64",
            "x.toml 第 9 行第 9 列：dials 应为 1 至 64 的整数",
        ),
        (
            "[network]\ndistances = \"citi\"\n",
            "x.toml:9:13: distances must be one of city, national, cross-border — did you mean \"city\"?",
            "x.toml 第 9 行第 13 列：distances 应为以下之一：city、national、cross-border。是否想写 \"city\"？",
        ),
        (
            "[network]\nbandwidth = 100\n",
            "x.toml:9:13: bandwidth must be a bandwidth: a whole number with kbit, Mbit or Gbit, like \"100Mbit\"",
            "x.toml 第 9 行第 13 列：bandwidth 应为带宽：整数加 kbit、Mbit 或 Gbit，例如 \"100Mbit\"",
        ),
        (
            "[load]\nbatch_every = \"500ms\"\n",
            "x.toml:9:15: batch_every must be 1s at least",
            "x.toml 第 9 行第 15 列：batch_every 至少为 1s",
        ),
        (
            "[load]\nentries = 2000001\n",
            "x.toml:9:11: entries must be a whole number from 1 to 2000000",
            "x.toml 第 9 行第 11 列：entries 应为 1 至 2000000 的整数",
        ),
        (
            "[load]\nbursts = [{ at = \"2h\", entries = 5 }]\n",
            "x.toml:9:18: a burst must not be later than the duration, 1h",
            "x.toml 第 9 行第 18 列：burst 不应晚于 duration（1h）",
        ),
        (
            "observers = 10\n",
            "x.toml:8:13: observers must be fewer than the 10 nodes that an alliance begins with: somebody must publish",
            "x.toml 第 8 行第 13 列：observers 应少于每个联盟开始时的 10 个节点：须有成员发布",
        ),
        (
            "late_joiners = 9\n",
            "x.toml:8:16: late_joiners must leave 2 of the 10 nodes of an alliance to begin with",
            "x.toml 第 8 行第 16 列：late_joiners 应在每个联盟的 10 个节点中至少留 2 个在开始时加入",
        ),
        (
            "alliances = 6\n",
            "x.toml:7:9: nodes must give each of the 6 alliances 2 to 1000 nodes; these are 1",
            "x.toml 第 7 行第 9 列：nodes 应使 6 个联盟各有 2 至 1000 个节点；目前为 1 个",
        ),
        (
            "[faults]\nuntil = \"2h\"\n",
            "x.toml:9:9: until must not be later than the duration, 1h",
            "x.toml 第 9 行第 9 列：until 不应晚于 duration（1h）",
        ),
        (
            "[faults]\npartitions = [\n    { at = \"5min\", for = \"5min\", share = \"30%\" },\n    { at = \"55min\", for = \"10min\", share = \"30%\" },\n]\n",
            "x.toml:11:12: a partition must be over by 1h, when the scenario's faults end",
            "x.toml 第 11 行第 12 列：分区应在 1h 之前结束：此后场景不再有故障",
        ),
        (
            "[faults]\npartitions = [{ at = \"5min\", for = \"5min\", share = \"100%\" }]\n",
            "x.toml:9:52: share must be more than 0% and less than 100%: a partition has two sides",
            "x.toml 第 9 行第 52 列：share 应大于 0% 且小于 100%：分区须有两侧",
        ),
        (
            "[faults]\npartitions = [{ at = \"5min\", for = \"5min\" }]\n",
            "x.toml:9:15: share is missing here: share must be a share: 0% to 100% with at most four decimals, like \"0.5%\"",
            "x.toml 第 9 行第 15 列：此处缺少 share：share 应为比例：0% 至 100%，最多四位小数，例如 \"0.5%\"",
        ),
        (
            "[faults]\nobserver_away = { at = \"1min\", for = \"1min\" }\n",
            "x.toml:9:17: observer_away needs an observer: set observers in [federation]",
            "x.toml 第 9 行第 17 列：observer_away 需要观察员：请在 [federation] 中设置 observers",
        ),
        (
            "[adversaries]\nforgers = 1\ncolluding_pairs = 2\n",
            "x.toml:8:1: adversaries must be fewer than half of the 10 nodes that an alliance begins with; these take 5",
            "x.toml 第 8 行第 1 列：adversaries 应少于每个联盟开始时 10 个节点的一半；目前占 5 个",
        ),
        (
            "[holding]\nholders = 5\nthreshold = 6\nquota = 100\n",
            "x.toml:10:13: threshold must be at most the 5 holders",
            "x.toml 第 10 行第 13 列：threshold 不应大于 5 个持有方",
        ),
        (
            "[holding]\nholders = 11\nthreshold = 2\nquota = 100\n",
            "x.toml:9:11: holders must be at most the 10 members that are no observers and are there from the beginning",
            "x.toml 第 9 行第 11 列：holders 不应多于开始时的 10 个非观察员成员",
        ),
        (
            "[holding]\nholders = 5\nthreshold = 3\nquota = 100\nrotations = [{ retire_after = \"5min\" }]\n",
            "x.toml:12:14: at is missing here: at must be a span of time, at most 366d: a whole number with ms, s, min, h or d, like \"90s\"",
            "x.toml 第 12 行第 14 列：此处缺少 at：at 应为时长，不超过 366d：整数加 ms、s、min、h 或 d，例如 \"90s\"",
        ),
        (
            "[holding]\nholders = 5\nthreshold = 3\nquota = 100\nrotations = [{ at = \"5min\", retires = \"5min\" }]\n",
            "x.toml:12:29: there is no key \"retires\" here; known are at, retire_after",
            "x.toml 第 12 行第 29 列：此处没有键 \"retires\"；可用的键：at、retire_after",
        ),
        (
            "[holding]\nholders = 5\nthreshold = 3\nquota = 100\nrotations = [{ at = \"40min\", retire_after = \"21min\" }]\n",
            "x.toml:12:21: a rotation must be over by 1h, when the scenario's faults end",
            "x.toml 第 12 行第 21 列：轮换应在 1h 之前结束：此后场景不再有故障",
        ),
        (
            "[holding]\nholders = 5\nthreshold = 3\nquota = 100\nrotations = [{ at = \"5min\" }, { at = \"10min\" }]\n",
            "x.toml:12:38: a rotation must not begin before the one before it has retired its old key: set its retire_after",
            "x.toml 第 12 行第 38 列：轮换应在前一次轮换停用旧密钥之后开始：请设置其 retire_after",
        ),
        (
            "[holding]\nholders = 5\nthreshold = 3\nquota = 100\nrotations = [{ at = \"5min\", retire_after = \"10min\" }, { at = \"10min\" }]\n",
            "x.toml:12:62: a rotation must not begin before the one before it has retired its old key: set its retire_after",
            "x.toml 第 12 行第 62 列：轮换应在前一次轮换停用旧密钥之后开始：请设置其 retire_after",
        ),
        (
            "[adversaries]\nlying_holders = 1\n",
            "x.toml:9:17: lying_holders needs key holders: set [holding]",
            "x.toml 第 9 行第 17 列：lying_holders 需要密钥持有方：请设置 [holding]",
        ),
    ];
    for (more, en, zh) in table {
        assert_eq!(refused(more), (en.to_owned(), zh.to_owned()), "{more}");
    }
}

#[test]
fn what_is_missing_or_no_toml_gets_its_line() {
    let say = |text: &str| parse(text, "x.toml").unwrap_err().say(Lang::En);
    assert!(say("").starts_with("x.toml:1:1: name_zh is missing here"), "{}", say(""));
    let broken = say("name_zh = \"试\"\nname_en = \n");
    assert!(broken.starts_with("x.toml:2:"), "{broken}");
    let marked = say(&format!("{HEAD}[network]\ndials = 0 # 无\n"));
    assert_eq!(marked, "x.toml:9:9: dials must be a whole number from 1 to 64\n  |\n9 | dials = 0 # 无\n  |         ^");
}

#[test]
fn every_key_of_the_file_is_in_the_schema_and_back() {
    let text = "name_zh = \"试\"\nname_en = \"Test\"\nduration = \"1h\"\nconverge_within = \"10min\"\n[federation]\nnodes = 10\nobservers = 1\n\
        [holding]\nholders = 5\nthreshold = 3\nquota = 100\n[load]\nbursts = [{ at = \"1min\", entries = 5 }]\n[faults]\nuntil = \"1h\"\ndown_for = \"1min\"\n\
        partitions = [{ at = \"1min\", for = \"1min\", share = \"10%\" }]\nobserver_away = { at = \"1min\", for = \"1min\" }\n";
    let scenario = parse(text, "x.toml").unwrap();
    let written = scenario.to_text();
    // The schema takes all that is written; what is written has all that the schema knows.
    assert_eq!(parse(&written, "x.toml").unwrap().to_text(), written);
    let table: toml::Table = toml::from_str(&written).unwrap();
    for path in schema::quantities() {
        let mut value = toml::Value::Table(table.clone());
        for part in path.split('.') {
            value = value.get(part).unwrap_or_else(|| panic!("{path} is in the schema alone")).clone();
        }
    }
}

#[test]
fn every_scenario_of_the_library_holds_and_says_what_it_shows() {
    for entry in library::ALL {
        let scenario = entry.scenario().unwrap_or_else(|error| panic!("{error}"));
        assert!(scenario.name_zh.chars().any(|c| c > '\u{2e80}'), "{}", entry.name);
        assert!(entry.about(false).len() > 20 && entry.about(true).len() > 20, "{}", entry.name);
    }
    assert!(library::named("national").is_some() && library::named("nationl").is_none());
}
