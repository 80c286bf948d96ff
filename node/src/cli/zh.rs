//! The Chinese help, by the path of the command and the name of the flag.

use clap::Command;

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
    if let Some(after) = text(&format!("{path} +after")) {
        command = command.after_help(after);
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

/// The text of a command or flag, or with `+after` what stands under the help of a command.
pub fn text(path: &str) -> Option<&'static str> {
    TEXTS.iter().find(|(known, _)| *known == path).map(|(_, text)| *text)
}

const TEXTS: &[(&str, &str)] = &[
    ("antibrush", "反炒信联盟节点：共享黑名单，不共享身份。"),
    ("antibrush init", "建立节点：密钥、配置与成员信息"),
    ("antibrush run", "运行节点，直到 Ctrl-C 或 SIGTERM"),
    ("antibrush demo", "在本机演示整个联盟：五个节点，真实的网络与文件；给出 --dir 则保留数据"),
    ("antibrush import", "从 CSV 或 XLSX 文件列入主体"),
    ("antibrush tokenize", "预备用户数据：文件中本节点尚无令牌的标识全部交由密钥持有方求值"),
    (
        "antibrush tokenize +after",
        "此后对这些主体的查询在本机作答。退出状态：0 表示有效行全部就绪，3 表示因配额用完或应答的密钥持有方不足而有剩余。\
         求值结果随时保存，命令或节点被强行终止也不丢失：重新执行同一命令即从此处继续。",
    ),
    ("antibrush tokenize --file", "文件：CSV 或 XLSX，UTF-8 或 GB18030，含类型列与标识列，或“手机号”等兼表类型的表头"),
    (
        "antibrush tokenize --class",
        "全部标识的主体类型，用于未写明类型的文件：ENT PER MOB SHP ACC PAY WEB APP GRP LOG WBL 或中文名称",
    ),
    ("antibrush list", "列入一个主体"),
    ("antibrush clear", "移出本平台列入的一个主体"),
    ("antibrush check", "查询主体是否被列入"),
    ("antibrush status", "查看节点状态"),
    ("antibrush feed", "查看、校验、导出、导入名单源"),
    ("antibrush feed show", "查看全部名单源，或其中一个及其统计"),
    ("antibrush feed verify", "从第一个叶起校验名单源：签名、分块、树根、统计"),
    ("antibrush feed export", "把名单源写到目录，任何程序都能校验"),
    ("antibrush feed checkpoint", "把树头写成 C2SP 检查点，附见证方联署，供通用工具校验"),
    ("antibrush feed import", "从目录接收名单源，校验与网络接收相同"),
    ("antibrush proof", "制作证明，并可脱离节点校验"),
    ("antibrush proof inclusion", "证明某条目在名单源中"),
    ("antibrush proof consistency", "证明后一树头只在前一树头之后追加"),
    ("antibrush proof absence-since", "证明某批次树头之后名单源未提及某主体；文件含该主体的令牌"),
    ("antibrush proof equivocation", "证明某发布方为其名单源签署了两个历史"),
    ("antibrush proof verify", "校验证明文件：无需节点、网络或数据目录"),
    ("antibrush filter", "建立交换过滤器并查询"),
    ("antibrush filter build", "用本平台自己的已确认主体文件建立并签署交换过滤器"),
    ("antibrush filter check", "向过滤器查询一个主体：未列入、待核验或过时"),
    ("antibrush alliance", "成立联盟、邀请成员、变更章程"),
    ("antibrush alliance create", "成立联盟，本节点为首个秘书处和成员"),
    ("antibrush alliance admit", "按收到的加入申请接纳成员，或按简称邀请：打印一行邀请码，请通过可信渠道转交"),
    ("antibrush alliance admit --slug", "未提交申请的新成员的简称：加入时接纳"),
    ("antibrush alliance propose admit", "按加入申请接纳新成员，或为成员增加节点；同时打印其邀请码"),
    ("antibrush alliance propose keys", "把已完成的密钥仪式的结果写入章程"),
    ("--ceremony", "密钥仪式编号，见 keys status --json"),
    ("antibrush keys holders --out", "提案文件；须多家秘书处成员签名时必填"),
    ("antibrush keys retire --out", "提案文件；须多家秘书处成员签名时必填"),
    ("antibrush keys ceremony --out", "含新密钥的提案文件；须多家秘书处成员签名时必填"),
    ("antibrush keys rotate --out", "含新密钥的提案文件；须多家秘书处成员签名时必填"),
    ("antibrush keys refresh --out", "含新份额的提案文件；须多家秘书处成员签名时必填"),
    ("antibrush alliance propose node", "移除成员的节点，或变更其地址"),
    ("antibrush alliance propose node remove", "移除成员的一个节点：断开该节点；如为首个节点，则由下一个节点签署"),
    ("antibrush alliance propose node addresses", "变更成员某个节点的地址：此后其他节点按新地址连接"),
    ("--addresses", "节点的全部地址（multiaddress）；不给出则表示只主动连接"),
    ("--request", "加入申请文件"),
    ("--node_of", "申请方是哪个成员的又一节点（简称）"),
    ("--peer", "节点的 PeerId，见 alliance members --json"),
    ("antibrush alliance members", "查看章程中的成员"),
    ("antibrush alliance propose", "提案变更章程：写出文件，供秘书处成员签名"),
    ("antibrush alliance propose suspend", "暂停成员：断开其节点，不得再发布；已列入的仍然有效"),
    ("antibrush alliance propose reinstate", "恢复被暂停或除名的成员"),
    ("antibrush alliance propose expel", "除名成员：断开其节点，其列入不再应答"),
    ("antibrush alliance propose role", "变更成员角色"),
    ("antibrush alliance propose policy", "变更章程数值；未给出的不变"),
    ("antibrush alliance propose steward", "增加或移除秘书处密钥"),
    ("antibrush alliance propose steward add", "使成员成为秘书处成员"),
    ("antibrush alliance propose steward remove", "移除成员的秘书处密钥"),
    ("antibrush alliance propose steward add --key", "其节点上 antibrush alliance steward-key 打印的公钥"),
    ("antibrush alliance propose steward remove --key", "只移除这一个密钥；默认移除该成员的全部"),
    ("antibrush alliance propose threshold", "变更须签名的互不受同一主体控制的秘书处成员数"),
    ("antibrush alliance propose threshold --number", "成员数"),
    ("antibrush alliance propose revoke", "吊销丢失或被盗的名单源密钥：最后可信批次头之后签署的全部作废"),
    ("antibrush alliance propose revoke --key", "要吊销的密钥（十六进制）；默认为最新的密钥"),
    ("antibrush alliance propose revoke --size", "到最后可信批次头为止的条数"),
    ("antibrush alliance propose revoke --head", "最后可信批次头的编号（十六进制），代替条数"),
    ("antibrush alliance propose revoke --successor", "名单源此后使用的密钥（十六进制）"),
    ("antibrush alliance propose rotate", "使成员的密钥更换为新密钥"),
    ("--succession", "该成员节点上 antibrush alliance rotate-key 写出的文件"),
    ("antibrush alliance propose thaw", "裁定被冻结的名单源：以某一批次头为准，其后继续"),
    ("antibrush alliance propose thaw --size", "到该批次头为止的条数；默认为本节点保留的"),
    ("antibrush alliance propose thaw --head", "该批次头的编号（十六进制），代替条数：两个历史中算数的那个"),
    ("antibrush alliance propose renew", "延长章程有效期"),
    ("antibrush alliance propose renew --days", "自今天起的天数，最多1825"),
    ("antibrush alliance show", "查看提案的变更内容、已签名者与尚缺的签名"),
    ("antibrush alliance sign", "用本节点的秘书处密钥对提案签名；节点无须运行"),
    ("antibrush alliance publish", "签名足够后使提案生效"),
    ("antibrush alliance adopt", "章程分叉时改用另一方的版本；节点须已停止"),
    ("--charter", "另一方的版本，即已签名的章程：节点的 charters/*.fork，或归档的 charters"),
    (
        "antibrush alliance rotate-key",
        "生成本节点名单源密钥或节点密钥的新密钥，并写出由新旧密钥共同签名的文件，交给秘书处",
    ),
    ("antibrush alliance rotate-key --kind", "哪把密钥：feed（名单源）或 node（节点）"),
    (
        "antibrush alliance rotate-key --key_only",
        "只生成并打印新密钥：现用密钥丢失或被盗后，用于 propose revoke --successor",
    ),
    ("antibrush alliance steward-key", "打印本节点的秘书处公钥；没有则生成"),
    ("--member", "成员简称"),
    ("--proposal", "提案文件"),
    ("--signatures", "其他秘书处成员的签名文件"),
    ("--corroboration", "须有几个成员列入同一行为才算确认：1至16"),
    ("--term_days", "默认列入期限（天）：1至1825"),
    ("--witnesses", "条目生效前须有多少个不同控制方见证树头：0（立即生效）至16"),
    ("--mobile_term_days", "手机号列入期限（天）：1至180"),
    ("--name_publishers", "查询结果是否给出列入方名称：true 或 false"),
    ("antibrush keys", "指定密钥持有方，举行密钥仪式，换期与停用令牌密钥"),
    ("antibrush keys status", "查看密钥、持有方、密钥仪式和今日求值次数"),
    ("antibrush keys holders", "指定自下次仪式起持有份额的成员及其配额（秘书处）"),
    ("antibrush keys ceremony", "为尚无密钥的类别生成门限密钥：由各持有方节点共同完成，没有任何一方持有完整密钥"),
    ("antibrush keys rotate", "生成下一期密钥：发布方把列入转入新一期，停用旧期之前两期都应答"),
    ("antibrush keys refresh", "更新同一密钥的份额。这不是换期：密钥和令牌不变"),
    ("antibrush keys retire", "停用一期密钥：各持有方删除份额并签署声明"),
    ("--holders", "持有方简称，逗号分隔，其中至少一家不是平台"),
    ("--threshold", "其中须有几个应答"),
    ("--quota", "每个持有方每天为每个成员求值的次数，写成 类别=数量，可重复"),
    ("--classes", "类别，逗号分隔；默认为所有适用的类别"),
    ("--minutes", "给持有方的时间（分钟）"),
    ("--no_wait", "召集后立即返回"),
    ("--epoch", "期次"),
    ("--force", "即使旧期的列入尚未转入（这些列入将不再可见）"),
    ("antibrush join-request", "写出加入申请：交给秘书处的签名小文件，不含任何秘密"),
    ("antibrush join", "凭邀请码加入联盟；等待足够的秘书处成员签名"),
    ("--run", "获接纳后立即运行节点：自行取得全部数据并应答查询，无须其他命令"),
    ("--feed_key", "用于成员的又一节点：其首个节点名单源密钥文件的副本，无口令或口令相同"),
    ("--seal_key", "用于成员的又一节点：其首个节点密封密钥文件的副本"),
    ("antibrush writer", "查看本成员的名单源由哪个节点写入，或在此接管"),
    ("antibrush writer show", "查看写入节点、其任期，以及每个批次须经哪些节点同意"),
    (
        "antibrush writer take",
        "从现在起由本节点写入：须有过半数的表决节点应答；先完成原写入节点已开始的批次，此后原节点的写入将被拒绝",
    ),
    ("antibrush help", "显示帮助"),
    ("--dir", "节点的数据目录；默认 antibrush-data"),
    ("--config", "配置文件；默认为数据目录中的 antibrush.toml"),
    ("--passphrase_file", "口令文件，第一行为密钥口令"),
    ("--json", "输出供程序读取的 JSON"),
    ("--help", "显示帮助"),
    ("--version", "显示版本"),
    ("--slug", "成员简称：2至32位小写字母、数字、连字符"),
    ("--legal_name", "成员的登记名称"),
    ("--uscc", "成员的统一社会信用代码"),
    ("--controller", "控制方的统一社会信用代码；默认为自身"),
    ("--role", "角色：platform 平台、observer 观察员、key-holder 密钥持有方、gateway 网关"),
    ("antibrush list --role", "所起作用：organise 组织、take-part 参与、assist 协助"),
    ("--listen", "监听其他节点的地址（multiaddress）"),
    ("--announce", "其他节点访问本节点的地址（如不同）"),
    ("--api", "HTTP 接口地址"),
    ("--log", "日志级别：error、warn、info、debug"),
    ("--keys_in_clear_dangerously", "密钥不设口令：仅限测试和演示"),
    ("--exit", "自动结束；每一步都成立时状态为 0"),
    ("--entries", "另外列入这么多个生成的主体"),
    ("--file", "文件：CSV 或 XLSX，UTF-8 或 GB18030，中文或英文表头"),
    ("--dry_run", "只读取和规划，不发布"),
    ("--rejects", "未采用的行写入此文件，含行号、列和原因"),
    ("--template", "写出带表头的空文件作为模板，然后结束"),
    ("--class", "主体类型：ENT PER MOB SHP ACC PAY WEB APP GRP LOG WBL 或中文名称"),
    ("--id", "标识；写 - 则从标准输入读取，不留在命令历史中"),
    ("--list", "名单：CXH ECB ECW CAND VIC 等"),
    ("--conduct", "失信行为：C01 至 C99，或其名称"),
    ("--severity", "严重程度：minor 轻微、ordinary 一般、severe 严重；默认按所起作用"),
    ("--expires", "列入的最后一天；默认按章程期限"),
    ("--evidence", "证据保存处；只有加盐摘要离开节点"),
    ("--details", "给同样持有该标识的成员看的详情：密封，其他任何人都打不开"),
    ("--reason", "原因：R01 整改完成、R02 信用修复、R03 误报、R04 异议成立、R05 撤回、R06 重复、R07 来源移出"),
    ("--purpose", "查询目的：写入审计日志的简短英文词"),
    ("antibrush feed checkpoint --seq", "批次号；未给出时取最新批次。只有见证方最新联署的树头带有联署"),
    ("antibrush feed checkpoint --out", "检查点（signed-note）文件；未给出时直接输出"),
    ("antibrush feed checkpoint --keys", "校验密钥文件，每行一个：先是名单源，后是各见证方"),
    ("--publisher", "发布方简称"),
    ("--out", "写入的文件或目录"),
    ("--archive", "名单源归档目录"),
    ("--index", "条目在名单源中的序号"),
    ("--earlier", "较早的批次"),
    ("--since", "起始批次：从其树头之后算起"),
    ("--until", "终止批次：算到其树头为止；默认为最新批次"),
    ("--later", "较晚的批次；默认为最新"),
    ("--alliance", "联盟编号（十六进制），须从文件以外的渠道得知"),
    ("--number", "本次构建的编号，递增"),
    ("--fpr_exponent", "误报率为 2 的负多少次方"),
    ("--filter", "过滤器文件"),
    ("--name_zh", "中文名称"),
    ("--name_en", "英文名称"),
    ("--level", "范围：city 市、province 省、national 国家、sector 行业"),
    ("--region", "属地：GB/T 2260 六位代码"),
    ("--accept_insider_enumeration", "个人类使用带密钥哈希（套件1），任何成员都能枚举"),
    ("--hide_publishers", "查询结果只给出列入方数量，不给出名称"),
    ("--days", "邀请码有效天数"),
    ("--invitation", "邀请码，一行文字；写 - 则从标准输入读取"),
];
