"""Holds the page's style and script, inline."""
STYLE = '''
:root { --ink: #1b1b1b; --pale: #595959; --line: #d9d9d9; --blue: #005a8e; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 12px; max-width: 1240px; color: var(--ink); background: #fff;
  font: 16px/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 8px 0; font-size: 26px; }
h2 { margin: 34px 0 8px; padding-top: 10px; border-top: 2px solid var(--line); font-size: 21px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 14px 0; }
a { color: var(--blue); }
.note { color: var(--pale); margin: 6px 0; }
.warning { border-left: 4px solid #d55e00; padding-left: 8px; color: var(--ink); }
.status { font-weight: 600; margin: 4px 0; }
.tiles { display: flex; flex-wrap: wrap; gap: 10px; }
.tile { border: 1px solid var(--line); border-radius: 6px; padding: 8px 14px; min-width: 130px; }
.tile span { display: block; color: var(--pale); }
.tile .value { font-size: 24px; color: var(--ink); }
figure { margin: 10px 0; min-width: 0; }
figcaption { font-weight: 600; margin-bottom: 2px; }
svg { display: block; width: 100%; height: auto; font: 11px system-ui, sans-serif; }
svg .small { font-size: 9px; }
svg .strong { font-weight: 600; }
svg .grid, svg .edge { stroke: var(--line); stroke-width: 1; }
svg .edge { stroke: #a6a6a6; stroke-width: 0.8; }
svg .axis { stroke: #808080; fill: none; }
svg .frame { stroke: #404040; stroke-width: 0.8; }
svg .none { stroke: #eee; }
.chart { max-width: 620px; }
.spot:focus { outline: none; }
.spot:focus-visible > *, .spot:hover > * { stroke: #000; stroke-width: 1.6; }
.spot:focus-visible > text, .spot:hover > text { stroke: none; font-weight: 700; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr));
  gap: 8px 28px; }
.maps { display: flex; flex-wrap: wrap; gap: 8px 40px; align-items: flex-start; }
.maps figure { flex: 1 1 330px; }
.colours { display: flex; align-items: center; flex-wrap: wrap; gap: 8px; margin: 6px 0; }
.colours svg { width: 160px; }
.narrow { display: none; }
@media (max-width: 760px) { .narrow { display: block; max-width: 420px; } .wide { display: none; } }
.tip { position: fixed; z-index: 1; left: 0; right: 0; bottom: 0; margin: 0; padding: 8px 12px;
  background: #f4f4f4; border-top: 1px solid #808080; }
.tip:empty { display: none; }
.scroll { overflow-x: auto; max-height: 480px; overflow-y: auto; }
table { border-collapse: collapse; font-size: 14px; }
th, td { padding: 3px 10px; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: normal; }
thead th { position: sticky; top: 0; background: #fff; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
details { margin: 8px 0; }
summary { cursor: pointer; color: var(--blue); }
dl { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 2px 14px;
  font-size: 14px; }
dt { color: var(--pale); }
dd { margin: 0; }
@media (max-width: 760px) { dl { grid-template-columns: 1fr; } dd { margin: 0 0 6px 12px; } }
pre { overflow: auto; max-height: 480px; font-size: 12px; background: #f7f7f7; padding: 8px; }
.sample figcaption { font-weight: 400; }
.sample img { max-width: 100%; min-width: min(100%, 320px); height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; margin: 2px 0; font-size: 14px; }
.legend svg { display: inline-block; width: 12px; vertical-align: -1px; }
.headline { display: flex; flex-wrap: wrap; gap: 10px 28px; align-items: flex-start; }
.headline .tiles { flex: 1 1 300px; max-width: 420px; }
.headline .scroll { flex: 1 1 420px; }
.headline .own td { font-weight: 600; }
@media print { .tip, nav { display: none; } }
'''

#: A spot's text appears at the bottom of the window too: tooltips do not follow the Tab key.
SCRIPT = '''
const tip = document.querySelector('.tip');
const tell = (event) => {
  const spot = event.target.closest && event.target.closest('.spot');
  tip.textContent = spot ? spot.getAttribute('aria-label') : '';
};
for (const kind of ['mouseover', 'focusin']) document.addEventListener(kind, tell);
'''
