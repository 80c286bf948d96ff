//! The look of the report: light and dark as the reader's system is, black on white on paper.

/// The style sheet.
pub const SHEET: &str = "
:root { color-scheme: light dark; --text: #1c2128; --soft: #5b6470; --line: #d6dbe1; --card: #f5f7f9; --page: #fff;
  --one: #1f6feb; --two: #d1730a; --good: #1a7f37; --bad: #cf222e; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ed; --soft: #9aa4b0; --line: #363d47; --card: #1d2229; --page: #14181d;
  --one: #6cb0ff; --two: #f0a04b; --good: #57c27a; --bad: #ff7b72; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.6 system-ui, -apple-system, 'Segoe UI', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif; }
main { max-width: 860px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.3; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); }
small { color: var(--soft); font-weight: 400; font-size: .8em; }
.verdict { border-left: 5px solid; padding: .6rem 1rem; background: var(--card); margin: 0 0 1rem; overflow-wrap: anywhere; }
.held { border-color: var(--good); } .held strong { color: var(--good); }
.broken { border-color: var(--bad); } .broken strong { color: var(--bad); }
.run, .note { color: var(--soft); font-size: .875rem; }
code { font: .85em/1.5 ui-monospace, 'SF Mono', Consolas, monospace; overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: .75rem; margin: 1.25rem 0 0; }
.figures div { background: var(--card); padding: .7rem .9rem; border-radius: 6px; }
dt { font-size: .8rem; color: var(--soft); } dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; overflow-x: auto; } svg { width: 100%; min-width: 560px; height: auto; display: block; }
svg text { fill: var(--text); font-size: 12px; } svg .tick { fill: var(--soft); font-variant-numeric: tabular-nums; }
svg .grid { stroke: var(--line); } svg .mark { stroke: var(--soft); }
svg .line0, svg .line1 { fill: none; stroke: var(--one); stroke-width: 2; stroke-linejoin: round; }
svg .line1 { stroke: var(--two); stroke-dasharray: 6 3; }
.table { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .9rem; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .35rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { color: var(--soft); font-weight: 600; }
pre { background: var(--card); padding: 1rem; border-radius: 6px; overflow-x: auto;
  font: .8rem/1.5 ui-monospace, 'SF Mono', Consolas, monospace; }
@media print {
  :root { color-scheme: light; --text: #000; --soft: #444; --line: #bbb; --card: #fff; --page: #fff; --one: #0550ae; --two: #953800; }
  main { max-width: none; padding: 0; } h2, figure, .table { break-inside: avoid; } h2 { break-after: avoid; }
  pre { white-space: pre-wrap; border: 1px solid var(--line); }
}
";
