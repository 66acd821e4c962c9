// A dashboard's panels in Grafana's own components. @grafana/ui has no state timelines; plain strips replace them.

import React, { useEffect, useState } from 'react';
import { lastValueFrom } from 'rxjs';
import {
  DataFrame, dateTime, DisplayProcessor, Field, FieldType, getDisplayProcessor, getFieldDisplayName, GrafanaTheme2, renderMarkdown,
  ThresholdsMode, TimeRange, transformDataFrame, VizOrientation,
} from '@grafana/data';
import { BarGauge, BigValue, PanelChrome, TimeSeries, useTheme2 } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { answered, filled, Scene } from './prometheus';

export interface Panel {
  id: number;
  type: string;
  title: string;
  description: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets: any[];
  transformations?: any[];
  fieldConfig: { defaults: any; overrides: any[] };
  options: any;
}

export function PanelView({ panel, scene, width, height }: { panel: Panel; scene: Scene; width: number; height: number }) {
  const [frames, setFrames] = useState<DataFrame[] | null>(null);
  const [error, setError] = useState('');
  const theme = useTheme2();
  useEffect(() => {
    load(panel, scene, width, theme).then(setFrames, (reason) => setError(String(reason)));
  }, []);
  const done = panel.type === 'text' || frames !== null || error;
  return (
    <div data-done={done ? 'yes' : 'no'} data-panel={panel.title}>
      <PanelChrome title={panel.title} description={panel.description} width={width} height={height} padding={panel.type === 'table' ? 'none' : 'md'}>
        {(innerWidth, innerHeight) => {
          if (panel.type === 'text') {
            const html = renderMarkdown(filled(panel.options.content, scene.variables));
            return <div className="markdown" dangerouslySetInnerHTML={{ __html: html }} />;
          }
          if (error) {
            return <div className="empty">{error}</div>;
          }
          if (frames === null) {
            return <div />;
          }
          if (!frames.length || frames.every((frame) => frame.length === 0)) {
            return <div className="empty" style={{ width: innerWidth, height: innerHeight }}>{panel.fieldConfig.defaults.noValue}</div>;
          }
          return drawn(panel, frames, scene, innerWidth, innerHeight, theme);
        }}
      </PanelChrome>
    </div>
  );
}

async function load(panel: Panel, scene: Scene, width: number, theme: GrafanaTheme2): Promise<DataFrame[]> {
  if (panel.type === 'text') {
    return [];
  }
  const perTarget = await Promise.all(panel.targets.map((target) => answered(target, scene, width / 3, panel.targets.length === 1)));
  let frames = perTarget.flat();
  if (panel.transformations?.length && frames.length) {
    frames = await lastValueFrom(transformDataFrame(panel.transformations, frames, { interpolate: (text: string) => text }));
  }
  for (const frame of frames) {
    for (const field of frame.fields) {
      configure(field, frame, frames, panel, theme);
    }
  }
  return frames;
}

// Defaults, then overrides by name, as Grafana applies them.
function configure(field: Field, frame: DataFrame, frames: DataFrame[], panel: Panel, theme: GrafanaTheme2) {
  const { defaults, overrides } = panel.fieldConfig;
  field.config = { ...structuredClone(defaults), ...field.config, custom: { ...defaults.custom } };
  if (field.type === FieldType.number || panel.type === 'table') {
    const name = getFieldDisplayName(field, frame, frames);
    for (const override of overrides.filter((one) => one.matcher.options === name)) {
      for (const { id, value } of override.properties) {
        if (id.startsWith('custom.')) {
          field.config.custom[id.slice(7)] = structuredClone(value);
        } else {
          (field.config as any)[id] = structuredClone(value);
        }
      }
    }
  }
  delete field.config.links;
  for (const step of field.config.thresholds?.steps ?? []) {
    step.value = step.value ?? -Infinity;
  }
  if (field.type !== FieldType.number) {
    field.config.unit = undefined;
  }
  field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
}

function drawn(panel: Panel, frames: DataFrame[], scene: Scene, width: number, height: number, theme: GrafanaTheme2) {
  const range: TimeRange = {
    from: dateTime(scene.from * 1000), to: dateTime(scene.to * 1000), raw: { from: dateTime(scene.from * 1000), to: dateTime(scene.to * 1000) },
  };
  switch (panel.type) {
    case 'timeseries':
      return (
        <TimeSeries
          frames={frames} width={width} height={height} timeRange={range} timeZone="utc" legend={panel.options.legend}
          options={panel.options}
        />
      );
    case 'stat':
      return <Stats panel={panel} frames={frames} width={width} height={height} theme={theme} />;
    case 'bargauge':
      return <Bars panel={panel} frames={frames} width={width} height={height} theme={theme} />;
    case 'state-timeline':
      return <Strips frames={frames} width={width} height={height} scene={scene} />;
    case 'table':
      return (
        <TableNG
          data={frames[0]} width={width} height={height} timeRange={range} cellHeight={panel.options.cellHeight} structureRev={1}
          sortBy={panel.options.sortBy}
        />
      );
    default:
      return <div className="empty">{panel.type}</div>;
  }
}

function last(frame: DataFrame): [Field, number | null] {
  const field = frame.fields.find((one) => one.type === FieldType.number)!;
  const known = field.values.filter((one: number | null) => one !== null && !Number.isNaN(one));
  return [field, known.length ? known[known.length - 1] : null];
}

function Stats({ panel, frames, width, height, theme }: { panel: Panel; frames: DataFrame[]; width: number; height: number; theme: GrafanaTheme2 }) {
  const several = frames.length > 1;
  return (
    <div style={{ display: 'flex' }}>
      {frames.map((frame, place) => {
        const [field, value] = last(frame);
        const shown = (field.display as DisplayProcessor)(value);
        const name = getFieldDisplayName(field, frame, frames);
        return (
          <BigValue
            key={place} value={{ ...shown, title: several || panel.options.textMode === 'name' ? name : undefined }} width={width / frames.length}
            height={height} theme={theme} colorMode={panel.options.colorMode} graphMode={panel.options.graphMode}
            justifyMode={panel.options.justifyMode} textMode={panel.options.textMode} count={frames.length} text={panel.options.text}
          />
        );
      })}
    </div>
  );
}

function Bars({ panel, frames, width, height, theme }: { panel: Panel; frames: DataFrame[]; width: number; height: number; theme: GrafanaTheme2 }) {
  const found = frames.map((frame) => {
    const [field, value] = last(frame);
    return { field, value, name: getFieldDisplayName(field, frame, frames) };
  });
  const most = Math.max(...found.map((one) => one.value ?? 0));
  const room = height / frames.length;
  return (
    <div>
      {found.map(({ field, value, name }, place) => {
        field.config.max = field.config.max ?? most;
        field.config.thresholds = field.config.thresholds ?? { mode: ThresholdsMode.Absolute, steps: [] };
        const display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
        return (
          <div key={place} style={{ height: room, paddingBottom: 4 }}>
            <BarGauge
              theme={theme} width={width} height={room - 4} field={field.config} display={display} value={{ ...display(value), title: name }}
              orientation={VizOrientation.Horizontal} displayMode={'basic' as any} namePlacement={panel.options.namePlacement} showUnfilled={false}
              valueDisplayMode={'text' as any} text={panel.options.text} alignmentFactors={{ title: longest(found.map((one) => one.name)), text: display(most).text + '00' }}
            />
          </div>
        );
      })}
    </div>
  );
}

function longest(names: string[]): string {
  return names.reduce((one, other) => (other.length > one.length ? other : one), '');
}

function Strips({ frames, width, height, scene }: { frames: DataFrame[]; width: number; height: number; scene: Scene }) {
  const names = frames.map((frame) => getFieldDisplayName(frame.fields[1], frame, frames));
  const left = Math.min(160, 16 + 8 * longest(names).length);
  const row = (height - 24) / frames.length;
  const hours = Array.from({ length: 7 }, (_, i) => scene.from + ((scene.to - scene.from) * i) / 6);
  return (
    <svg width={width} height={height} fontSize={12} fill="currentColor">
      {frames.map((frame, place) => (
        <g key={place} transform={`translate(0, ${place * row})`}>
          <text x={left - 8} y={row / 2 + 4} textAnchor="end">{names[place]}</text>
          {stretches(frame.fields[1]).map(({ begin, end, value }) => {
            const shown = frame.fields[1].display!(value);
            const scale = (width - left) / frame.length;
            const wide = (end - begin) * scale > 7.5 * shown.text.length + 8;
            return (
              <g key={begin}>
                <rect x={left + begin * scale} y={3} width={(end - begin) * scale} height={row - 6} fill={shown.color} />
                {wide && <text x={left + begin * scale + 6} y={row / 2 + 4} fill="#111">{shown.text}</text>}
              </g>
            );
          })}
        </g>
      ))}
      {hours.map((time, place) => (
        <text key={place} x={left + ((width - left) * place) / 6} y={height - 4} textAnchor={place === 6 ? 'end' : place ? 'middle' : 'start'} opacity={0.75}>
          {new Date(time * 1000).toISOString().slice(11, 16)}
        </text>
      ))}
    </svg>
  );
}

// Runs of steps with the same text and colour.
function stretches(field: Field): Array<{ begin: number; end: number; value: number }> {
  const found: Array<{ begin: number; end: number; value: number }> = [];
  field.values.forEach((value: number | null, place: number) => {
    const before = found[found.length - 1];
    if (value === null) {
      return;
    }
    if (before && before.end === place && field.display!(before.value).text === field.display!(value).text) {
      before.end = place + 1;
    } else {
      found.push({ begin: place, end: place + 1, value });
    }
  });
  return found;
}
