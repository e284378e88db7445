/** The report as one file: style, script and data within it, nothing is fetched. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { invariant } from '../../support/assert.js';
import { packageRoot } from '../../support/package.js';
import type { ReportData } from './data.js';

/** The page for `data`. The script is built with the package (`npm run build`). */
export function reportPage(data: ReportData): string {
  const path = join(packageRoot(), 'dist', 'report.js');
  invariant(existsSync(path), `${path} is missing: the package is not built`);
  const script = readFileSync(path, 'utf8').replaceAll(/<\/(script)/gi, '<\\/$1');
  const packed = gzipSync(JSON.stringify(data), { level: 6 }).toString('base64');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'">
<title>${escaped(data.title)}</title>
<style>${style}</style>
<body>
<noscript>This report needs JavaScript.</noscript>
<div id="app"></div>
<script id="data" type="text/plain">${packed}</script>
<script>${script}</script>
</body>
</html>
`;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const style = `
:root{--bg:#fff;--fg:#1d2126;--dim:#68707a;--line:#dfe3e8;--soft:#f4f6f8;--pick:#dcebff;--red:#c62f2f;--green:#1d7f3f;--yellow:#9a6700;--blue:#1457b8;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--bg:#15181c;--fg:#dfe3e8;--dim:#8b949e;--line:#30363d;--soft:#1d2127;--pick:#1f3b61;--red:#ff7b72;--green:#56d364;--yellow:#e3b341;--blue:#79b8ff}}
*{box-sizing:border-box}
html,body{height:100%;margin:0}
body{background:var(--bg);color:var(--fg);font:13px/1.45 system-ui,sans-serif}
#app{display:grid;grid-template-columns:minmax(0,1fr);grid-template-rows:auto auto auto 1fr;height:100vh}
header{display:flex;gap:16px;align-items:baseline;padding:10px 14px 4px;flex-wrap:wrap}
header h1{font-size:15px;margin:0}
header .facts{color:var(--dim);white-space:nowrap}
header .command{flex:0 1 auto;min-width:0;max-width:60vw;overflow:hidden;text-overflow:ellipsis}
nav{display:flex;gap:2px;padding:4px 14px 0;border-bottom:1px solid var(--line);align-items:center;flex-wrap:wrap}
nav button{border:0;background:none;color:var(--dim);padding:6px 10px;font:inherit;cursor:pointer;border-bottom:2px solid transparent}
nav button[aria-selected=true]{color:var(--fg);border-bottom-color:var(--blue);font-weight:600}
nav button b{font-weight:400;color:var(--dim)}
nav input{margin-left:auto;width:min(44vw,560px);font:12px ui-monospace,monospace;padding:5px 8px;border:1px solid var(--line);border-radius:5px;background:var(--soft);color:var(--fg)}
nav input.bad{border-color:var(--red)}
#told{min-height:0;padding:0 14px;color:var(--red);font:12px ui-monospace,monospace;white-space:pre-wrap}
#told.ok{color:var(--dim)}
main{display:grid;grid-template-columns:minmax(0,1fr);min-height:0}
main.open{grid-template-columns:minmax(0,1fr) minmax(300px,40%)}
.view{min-height:0;min-width:0;display:flex;flex-direction:column}
.scroll{flex:1;overflow:auto;position:relative;outline:none}
.rows{position:relative}
.row{position:absolute;left:0;right:0;height:22px;display:flex;gap:12px;padding:2px 14px;white-space:pre;overflow:hidden;cursor:pointer;font:12px/18px ui-monospace,monospace}
.row:hover{background:var(--soft)}
.row.on{background:var(--pick)}
.row.hit{box-shadow:inset 3px 0 var(--red)}
.row.unseen{color:var(--dim)}
.row .t{color:var(--dim);width:84px;text-align:right;flex:none}
.row .s{color:var(--dim);width:64px;text-align:right;flex:none}
.row .e{width:110px;flex:none;overflow:hidden;text-overflow:ellipsis;color:var(--blue)}
.row .p{width:160px;flex:none;overflow:hidden;text-overflow:ellipsis}
.row .x{flex:1;overflow:hidden;text-overflow:ellipsis}
.row .r{flex:none;color:var(--red)}
.row .n{width:80px;text-align:right;flex:none;color:var(--dim)}
canvas{width:100%;height:54px;display:block;border-bottom:1px solid var(--line);cursor:crosshair;flex:none}
aside{border-left:1px solid var(--line);overflow:auto;padding:10px 14px;min-width:0}
aside h2{font-size:14px;margin:0 0 6px}
aside h3{font-size:12px;margin:14px 0 4px;color:var(--dim);font-weight:600}
aside .close{float:right}
button.link{border:0;background:none;color:var(--blue);font:inherit;padding:0;cursor:pointer;text-align:left}
table{border-collapse:collapse;width:100%}
td{vertical-align:top;padding:1px 8px 1px 0;font:12px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}
td:first-child{color:var(--dim);white-space:nowrap}
pre{font:12px/1.5 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;margin:0}
.tree{font:12px/1.6 ui-monospace,monospace}
.tree div{padding-left:16px}
.tree>div{padding-left:0}
.true{color:var(--green)}.false{color:var(--red)}.dim{color:var(--dim)}.warn{color:var(--yellow)}
.page{padding:10px 14px;overflow:auto;flex:1;outline:none}
.item{padding:6px 8px;border:1px solid var(--line);border-radius:6px;margin-bottom:8px;cursor:pointer}
.item:hover{background:var(--soft)}.item.on{background:var(--pick)}
.item .rule{font-weight:600}
.bar{display:inline-block;width:160px;height:8px;background:var(--line);border-radius:4px;overflow:hidden;vertical-align:middle}
.bar i{display:block;height:100%;background:var(--green)}
.leaf{display:grid;grid-template-columns:22px 90px 90px minmax(0,1fr);font:12px/1.6 ui-monospace,monospace}
.mutant{font:12px/1.6 ui-monospace,monospace;padding:4px 0 4px 20px;border-left:2px solid var(--line);margin:4px 0}
.mutant pre{padding-left:20px}
details{margin:4px 0}
summary{cursor:pointer}
kbd{border:1px solid var(--line);border-radius:3px;padding:0 4px;background:var(--soft);font:11px ui-monospace,monospace}
:focus-visible{outline:2px solid var(--blue);outline-offset:-2px}
@media (max-width:700px){main.open{grid-template-columns:1fr;grid-template-rows:1fr 1fr}.row .s,.row .p{display:none}nav input{width:100%}}
`;
