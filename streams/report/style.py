"""The style of the committee's page, on screens, phones and paper."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --heat: #D55E00; --line: #ddd; --soft: #444; }
body { max-width: 68rem; }
th a, td a { color: inherit; }
.heat rect, .bar rect { fill: var(--heat); }
.heat { width: 100%; }
.heat text { font: 10px system-ui, sans-serif; fill: currentColor; }
.heat .tick { text-anchor: middle; } .heat .side { text-anchor: end; }
.wide { overflow-x: auto; }
small { display: block; color: var(--soft); }
.even { table-layout: fixed; } .even th:first-child { width: 30%; }
.even th:nth-child(2), .even th:nth-child(3) { width: 10%; } .even th:nth-child(4) { width: 22%; }
tr.sure td.change { font-weight: 600; }
nav ul { columns: 2; } section { margin-top: 3rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 0.3rem; }
td.text { min-width: 13rem; } td small { overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { @media screen {
  :root { --heat: #e8833a; --line: #444; --soft: #bbb; }
  body { background: #16181b; color: #e8e8e8; }
  h2, th, td { border-color: #444; } caption, figcaption, .quiet { color: #bbb; }
  .note { background: #2b211a; } .facts div { border-color: #555; } a { color: #7fb8e6; } } }
@media screen and (max-width: 40rem) {
  thead { display: none; }
  tr { display: block; padding: 0.5rem 0; border-bottom: 1px solid var(--line); }
  td, td.text { display: grid; grid-template-columns: 8rem 1fr; column-gap: 0.6rem; border: 0;
    padding: 0.1rem 0; min-width: 0; overflow-wrap: anywhere; }
  td::before { content: attr(data-head); color: var(--soft); grid-row: 1 / span 9; }
  td > * { grid-column: 2; } td:first-child { display: block; font-weight: 600; }
  td:first-child small { font-weight: 400; } td:first-child::before { content: none; }
  .heat { width: 54rem; max-width: none; } nav ul { columns: 1; } dd { margin-left: 0.8rem; } }
@page { margin: 15mm 12mm; @bottom-right { content: counter(page) " / " counter(pages);
  font: 9pt system-ui, sans-serif; } }
@media print { body { font-size: 10.5pt; max-width: none; margin: 0; padding: 0; }
  section { margin-top: 0; break-before: page; } .hospital ~ .hospital { break-before: page; }
  section.first, section.follows { break-before: auto; } section.first h2 { margin-top: 1.2rem; }
  .facts { grid-template-columns: repeat(4, 1fr); } th, td { padding: 0.15rem 0.4rem; }
  td.text { min-width: 0; } td.text:first-child { min-width: 9rem; } .wide { overflow: visible; }
  tr, .note, .facts, figure, dd, .made { break-inside: avoid; }
  nav, details:not([open]) { display: none; }
  h2, h3, dt, h2 + p, h3 + .quiet { break-after: avoid; }
  .wide + p, .wide ~ p, h3 + p + p { break-before: avoid; }
  p code { white-space: nowrap; } .even { font-size: 0.84rem; }
  .even th:first-child { width: 32%; } .even th:nth-child(2), .even th:nth-child(3) { width: 10%; }
  .heat rect, .bar rect { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
