/** The style of a report: one column of text and figures, light or dark as set in the reader's system. */
import { styleVariables } from './palette.ts';

/**
 * Colours first, for light and dark; the rules refer to them only. `good` and `look`: marks of the
 * checks.
 */
export function pageStyle(): string {
  return `:root { color-scheme: light dark; ${styleVariables('light')} --line: #dfe3e8; --soft: #f4f6f8;
  --good: #1b7f4b; --look: #b26a00; }
@media (prefers-color-scheme: dark) { :root { ${styleVariables('dark')} --line: #2d3540; --soft: #1e252e;
  --good: #5fd39a; --look: #ffb84d; } }
${RULES}`;
}

/** Rules that hold in both; print has its own at the end. */
const RULES = `* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Open Sans", sans-serif; }
main, header > div { max-width: 1080px; margin: 0 auto; padding: 0 24px; }
header { border-bottom: 1px solid var(--line); background: var(--soft); padding: 30px 0 22px; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 52px 0 8px; padding-top: 14px; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 22px 0 4px; }
p { margin: 6px 0 14px; max-width: 74ch; }
a { color: var(--result); }
.quiet { color: color-mix(in srgb, var(--ink) 68%, var(--paper)); }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; margin-top: 12px; font-size: .92rem; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px;
  margin: 24px 0 8px; padding: 0; }
.numbers div { background: var(--soft); border-radius: 8px; padding: 10px 14px; }
.numbers dt { font-size: .8rem; }
.numbers dd { margin: 0; font-size: 1.2rem; font-weight: 600; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.checks { list-style: none; margin: 12px 0; padding: 0; display: grid; gap: 6px; }
.checks li { display: grid; grid-template-columns: 1.6em 1fr; align-items: start; padding: 8px 12px;
  border-radius: 8px; background: var(--soft); border-left: 4px solid var(--good); }
.checks li.look, .checks li.warning { border-left-color: var(--look); }
.checks .sign { font-weight: 700; color: var(--good); }
.checks .look .sign, .checks .warning .sign { color: var(--look); }
figure { margin: 14px 0; }
figure > svg, .plot svg { width: 100%; height: auto; max-width: 760px; }
figcaption { font-size: .92rem; max-width: 78ch; margin-top: 6px;
  color: color-mix(in srgb, var(--ink) 78%, var(--paper)); }
.three { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 12px; align-items: start; }
.two { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 18px; align-items: start; }
.three svg, .two svg { width: 100%; height: auto; display: block; }
.panel { margin: 0; }
.panel > p { margin: 0 0 4px; font-size: .85rem; }
.compare { position: relative; overflow: hidden; border-radius: 6px; background: #404040;
  cursor: ew-resize; touch-action: pan-y; user-select: none; }
.compare img { display: block; width: 100%; height: auto; }
.compare .after { position: absolute; inset: 0; clip-path: inset(0 0 0 var(--cut)); }
.compare .after img { height: 100%; }
.compare::after { content: ""; position: absolute; top: 0; bottom: 0; left: calc(var(--cut) - 1px);
  width: 2px; background: #fff; box-shadow: 0 0 4px #000a; pointer-events: none; }
.compare .tag { position: absolute; top: 6px; padding: 1px 7px; border-radius: 4px; background: #000a;
  color: #fff; font-size: .75rem; pointer-events: none; }
.compare .tag.left { left: 6px; } .compare .tag.right { right: 6px; }
.controls { display: flex; flex-wrap: wrap; gap: 8px 22px; align-items: center; margin: 10px 0;
  font-size: .92rem; }
.controls label { display: flex; align-items: center; gap: 8px; }
.controls span, output { white-space: nowrap; }
input[type=range] { width: min(260px, 45vw); accent-color: var(--result); }
.key { display: flex; align-items: center; gap: 8px; font-size: .85rem; font-variant-numeric: tabular-nums;
  margin: 8px 0; }
.key i { flex: 0 1 260px; height: 12px; border-radius: 3px; }
.solid { position: relative; }
.solid canvas { width: 100%; aspect-ratio: 2 / 1; display: block; border-radius: 8px;
  background: var(--soft); cursor: grab; touch-action: none; }
.solid .names { display: grid; grid-template-columns: 1fr 1fr; text-align: center; font-size: .88rem;
  margin-top: 4px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: 5px 12px 5px 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { font-weight: 600; }
th[scope=row] { width: 42%; font-weight: 500; }
.number { text-align: right; white-space: nowrap; }
td.bar { width: 45%; } td.bar i { display: block; height: 11px; border-radius: 3px;
  background: var(--result); min-width: 1px; margin-top: 5px; }
code { font: .86em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
code.block { display: block; background: var(--soft); border-radius: 6px; padding: 10px 12px; }
footer { max-width: 1080px; margin: 48px auto 32px; padding: 0 24px; font-size: .85rem; }
@media (max-width: 640px) {
  main, header > div, footer { padding: 0 14px; }
  .three, .two { grid-template-columns: 1fr; }
  h1 { font-size: 1.35rem; }
  .solid canvas { aspect-ratio: 4 / 3; }
}
@media print { nav, .controls { display: none; }
  h2 { break-after: avoid; } figure { break-inside: avoid; } }`;
