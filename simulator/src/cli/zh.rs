//! The Chinese help, by the path of the command and the name of the flag.

use clap::{
    Command,
    error::{ContextKind, ErrorKind},
};

/// Puts the Chinese texts in place of the English ones.
pub fn translate(command: Command) -> Command {
    let path = command.get_name().to_owned();
    walk(command, &path)
}

fn walk(command: Command, path: &str) -> Command {
    let mut command = command;
    if let Some(about) = text(path) {
        command = command.about(about).long_about(None);
    }
    let names: Vec<String> = command.get_arguments().map(|argument| argument.get_id().to_string()).collect();
    for name in names {
        if let Some(help) = text(&format!("{path} --{name}")).or_else(|| text(&format!("--{name}"))) {
            command = command.mut_arg(name, |argument| argument.help(help).long_help(None));
        }
    }
    let verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    for verb in verbs {
        let path = format!("{path} {verb}");
        command = command.mut_subcommand(verb, |verb| walk(verb, &path));
    }
    command
}

/// Why a command line cannot be read.
pub fn refusal(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return error.to_string();
    }
    let what = match error.kind() {
        ErrorKind::InvalidSubcommand => "没有这个命令",
        ErrorKind::UnknownArgument => "没有这个参数",
        ErrorKind::MissingRequiredArgument => "缺少必需的参数",
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => "参数取值有误",
        _ => "命令行有误",
    };
    let shown = [ContextKind::InvalidSubcommand, ContextKind::InvalidArg, ContextKind::InvalidValue];
    let words: Vec<String> = shown.iter().filter_map(|kind| error.get(*kind)).map(ToString::to_string).collect();
    let named = if words.is_empty() { String::new() } else { format!("：{}", words.join(" ")) };
    format!("错误：{what}{named}。请用 --help 查看用法")
}

/// The text of a command or flag.
pub fn text(path: &str) -> Option<&'static str> {
    TEXTS.iter().find(|(known, _)| *known == path).map(|(_, text)| *text)
}

const TEXTS: &[(&str, &str)] = &[
    ("antibrush-sim", "上千个虚拟节点、各种故障，一个种子。"),
    ("antibrush-sim run", "以一个种子运行场景"),
    ("antibrush-sim soak", "不断更换种子运行，直到时间用完或有不变量被破坏"),
    ("antibrush-sim shrink", "把破坏不变量的运行缩减到最少的操作"),
    ("antibrush-sim replay", "重放失败运行或缩减所留文件中的操作"),
    ("antibrush-sim sweep", "让一个键取一系列值，逐一运行，结果写入 CSV"),
    ("antibrush-sim report", "运行场景，并把结果写成一个 HTML 页面"),
    ("antibrush-sim calibrate", "将消息扩散模型与真实的 libp2p 群对照"),
    ("antibrush-sim privacy", "显示攻击者在各种配额下能枚举多少"),
    ("antibrush-sim calibrate --nodes", "节点数；可多次给出"),
    ("antibrush-sim calibrate --out", "带两条曲线的页面文件"),
    ("antibrush-sim privacy --holders", "持有份额者的数目"),
    ("antibrush-sim privacy --threshold", "其中须作答的数目"),
    ("antibrush-sim privacy --epoch_days", "密钥使用的天数"),
    ("antibrush-sim privacy --out", "带图的页面文件"),
    ("antibrush-sim list", "列出程序自带的场景"),
    ("--lang", "帮助与结果的语言：en 或 zh；默认随环境"),
    ("--scenario", "场景：清单中的名称或文件"),
    ("antibrush-sim soak --scenario", "场景：清单中的名称或文件；可多次给出"),
    ("--seed", "种子：相同种子得到相同运行"),
    ("--json", "以 JSON 显示结果"),
    ("--replays", "失败运行的重放文件所在目录"),
    ("--shrink_runs", "缩减时最多运行几次；0 表示保留全部操作"),
    ("antibrush-sim soak --minutes", "运行多少分钟"),
    ("antibrush-sim soak --seeds", "最多几个种子"),
    ("antibrush-sim soak --first_seed", "第一个种子；默认每次不同"),
    ("antibrush-sim shrink --runs", "最多运行几次"),
    ("antibrush-sim shrink --out", "结果文件；默认以场景和种子命名"),
    ("antibrush-sim replay --file", "文件"),
    ("antibrush-sim sweep --set", "带表名的键，例如 network.loss"),
    ("antibrush-sim sweep --from", "第一个值，写法与场景文件相同"),
    ("antibrush-sim sweep --to", "最后一个值"),
    ("antibrush-sim sweep --steps", "取几个值"),
    ("antibrush-sim sweep --out", "结果文件"),
    ("antibrush-sim report --out", "页面文件"),
];
