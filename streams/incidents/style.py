"""The style of the page of an incident: its pictures, and both themes. Colours are those of Okabe
and Ito; contrast is that of WCAG AA on either background.
"""

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --faint: #595959; --line: #ccc; --paper: #fff;
  --high: #b3261e; --medium: #b55400; --low: #0072B2; --technical: #6b6b6b; --hatch: #1a1a1a;
  --elevated: #e8b64a; --overloaded: #c2410c; --duty: #b8c7d6; }
body { max-width: 64rem; color: var(--ink); background: var(--paper); }
.lead { font-size: 1.1rem; font-weight: 600; }
h3 { font-size: 1rem; margin: 1.2rem 0 0.3rem; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .tick { fill: var(--faint); }
svg .grid, svg .lane { stroke: var(--line); fill: none; }
svg .high, .k-high { fill: var(--high); background: var(--high); }
svg .medium, .k-medium { fill: var(--medium); background: var(--medium); }
svg .low, .k-low { fill: var(--low); background: var(--low); }
svg .technical { fill: var(--paper); stroke: var(--technical); stroke-width: 1.5;
  stroke-dasharray: 3 2; }
.k-technical { border: 1.5px dashed var(--technical); }
svg .mute { fill: url(#hatch); stroke: var(--hatch); }
svg .hatch { stroke: var(--hatch); stroke-width: 2; }
.k-mute { background: repeating-linear-gradient(45deg, var(--hatch) 0 2px, transparent 2px 5px);
  border: 1px solid var(--hatch); }
svg .gap { fill: var(--ink); opacity: 0.85; } .k-gap { background: var(--ink); }
svg .elevated, .k-elevated { fill: var(--elevated); background: var(--elevated); }
svg .overloaded, .k-overloaded { fill: var(--overloaded); background: var(--overloaded); }
svg .duty { fill: var(--duty); } svg .unknown { fill: url(#hatch); opacity: 0.4; }
svg .mark { font-size: 11px; paint-order: stroke; stroke: var(--paper); stroke-width: 2px; }
svg .curve { fill: none; stroke: var(--faint); stroke-width: 1; opacity: 0.6; }
svg .bold { stroke: var(--low); stroke-width: 2.5; opacity: 1; }
svg .dot { fill: var(--faint); opacity: 0.45; } svg .here { fill: var(--high); }
svg .median { stroke: var(--ink); stroke-width: 2; }
svg .limit { stroke: var(--overloaded); stroke-width: 2; stroke-dasharray: 4 2; }
.key { display: inline-block; width: 1.4em; height: 0.8em; margin: 0 0.3em 0 0.8em;
  box-sizing: border-box; }
.legend { font-size: 0.9rem; } .entry { white-space: nowrap; }
.k-unknown { opacity: 0.5; background: repeating-linear-gradient(45deg, var(--hatch) 0 1px,
  transparent 1px 5px); }
svg .paper { fill: var(--paper); }
.isnot { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; }
.isnot p { margin: 0; flex: 1 1 20rem; }
.factor, .action { border: 1px solid var(--line); border-radius: 6px; padding: 0 1rem 0.6rem;
  margin: 0.8rem 0; break-inside: avoid; }
.action td:first-child { width: 14rem; }
.approval td { height: auto; } .action tr:nth-last-child(-n+2) td { height: 2.2rem; }
th { white-space: nowrap; } td { overflow-wrap: break-word; }
@media (prefers-color-scheme: dark) { @media screen {
  :root { --ink: #e8e8e8; --faint: #a8a8a8; --line: #4a4a4a; --paper: #16181b; --high: #ff8a80;
    --medium: #f0a35e; --low: #6cb8ee; --technical: #b0b0b0; --hatch: #e8e8e8;
    --elevated: #b98a1d; --overloaded: #ff7a45; --duty: #3c4a58; }
  h2, th, td { border-color: var(--line); } caption, figcaption, .quiet { color: #b8b8b8; }
  .note { background: #2e2418; } .bad { background: #3a1f1d; }
} }
@media (max-width: 48rem) { th { white-space: normal; }
  td, th, p, h1, h3 { overflow-wrap: anywhere; hyphens: auto; } table { font-size: 0.8rem; }
  td, th { padding: 0.2rem; } .action td:first-child { width: auto; } .strip { max-width: 100%; } }
@media print { details > * { display: block; } .factor, .action { border-color: #999; } }
"""
