// One board: ?board=UID&prometheus=http://HOST:PORT&to=SECONDS&hours=12&rows=N&var-facility=...

import React from 'react';
import { createRoot } from 'react-dom/client';
import { createTheme, standardTransformers, standardTransformersRegistry, ThemeContext } from '@grafana/data';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { Panel, PanelView } from './panels';
import { filled, Scene } from './prometheus';
import clinician from '../../dashboards/alarm-fatigue-clinician.json';
import history from '../../dashboards/alarm-fatigue-history.json';
import hospital from '../../dashboards/alarm-fatigue-hospital.json';
import pipeline from '../../dashboards/alarm-fatigue-pipeline.json';
import types from '../../dashboards/alarm-fatigue-types.json';
import unit from '../../dashboards/alarm-fatigue-unit.json';

// Repeated rows are shown open, for the values of their variable that the address gives as `rows-VARIABLE=A,B`.
function repeated(board: any): any[] {
  return board.panels.flatMap((one: any) => {
    if (!one.repeat) {
      return [one];
    }
    const values = (asked.get(`rows-${one.repeat}`) ?? '').split(',').filter(Boolean);
    const height = Math.max(...one.panels.map((each: any) => each.gridPos.h));
    return values.flatMap((value, place) => {
      const at = (each: any, y: number) => ({
        ...each, id: `${each.id}-${value}`, only: { [one.repeat]: value }, title: filled(each.title, { [one.repeat]: value }),
        gridPos: { ...each.gridPos, y },
      });
      const top = one.gridPos.y + place * (height + 1);
      return [at(one, top), ...one.panels.map((each: any) => at(each, top + 1))];
    });
  });
}

const asked = new URLSearchParams(location.search);
const BOARDS = Object.fromEntries([clinician, history, hospital, pipeline, types, unit].map((one) => [one.uid, one]));
const CELL = 38; // pixels of a row of the grid, with the gap below it: Grafana's own
const GAP = 8;

standardTransformersRegistry.setInit(() =>
  [...new Map(Object.values(standardTransformers).map((one: any) => [one.id, one])).values()].map((one: any) => ({
    id: one.id, name: one.name, transformation: async () => one, imageDark: '', imageLight: '',
  }))
);

function Board({ scene, uid, rows }: { scene: Scene; uid: string; rows: number }) {
  const board = BOARDS[uid];
  const panels = repeated(board).filter((one) => one.gridPos.y + one.gridPos.h <= rows);
  const column = (document.documentElement.clientWidth - 2 * 16 + GAP) / 24;
  const bottom = Math.max(...panels.map((one) => one.gridPos.y + one.gridPos.h));
  const shown = Object.entries(scene.variables).filter(([name]) => name !== 'window' || uid.endsWith('types'));
  return (
    <div style={{ padding: 16 }}>
      <div className="heading">
        <h3>{board.title}</h3>
        {shown.map(([name, value]) => <span key={name} className="variable">{name}: <b>{value === '.*' ? 'All' : value}</b></span>)}
        <span className="variable">{stamp(scene.from)} – {stamp(scene.to)} UTC</span>
      </div>
      <div style={{ position: 'relative', height: bottom * CELL }}>
        {panels.map((panel) => {
          const { x, y, w, h } = panel.gridPos;
          const place: React.CSSProperties = { position: 'absolute', left: x * column, top: y * CELL };
          return (
            <div key={panel.id} style={place}>
              {panel.type === 'row'
                ? <h5 className="row">{panel.title}</h5>
                : <PanelView panel={panel as Panel} scene={{ ...scene, variables: { ...scene.variables, ...panel.only } }} width={w * column - GAP} height={h * CELL - GAP} />}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function stamp(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ');
}

const to = Number(asked.get('to') ?? Date.now() / 1000);
const variables = Object.fromEntries([...asked].filter(([name]) => name.startsWith('var-')).map(([name, value]) => [name.slice(4), value]));
const scene: Scene = {
  prometheus: asked.get('prometheus') ?? 'http://127.0.0.1:9090', to, from: to - 3600 * Number(asked.get('hours') ?? 12), variables,
};
const theme = createTheme({ colors: { mode: asked.get('theme') === 'light' ? 'light' : 'dark' } });
createRoot(document.getElementById('root')!).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <PortalContainer />
    <Board scene={scene} uid={asked.get('board') ?? hospital.uid} rows={Number(asked.get('rows') ?? 999)} />
  </ThemeContext.Provider>
);
