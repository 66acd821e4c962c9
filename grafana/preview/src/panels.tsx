// A dashboard's panels in Grafana's own components. @grafana/ui has no state timelines; plain strips replace them.

import React, { useEffect, useState } from 'react';
import { lastValueFrom } from 'rxjs';
import {
  DataFrame, dateTime, DisplayProcessor, Field, FieldType, getDisplayProcessor, getFieldDisplayName, GrafanaTheme2, renderMarkdown,
  ThresholdsMode, TimeRange, transformDataFrame, VizOrientation,
} from '@grafana/data';
import { BarGauge, BigValue, PanelChrome, TimeSeries, useTheme2 } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { answered, filled, Scene, seconds } from './prometheus';

export interface Panel {
  id: number;
  type: string;
  title: string;
  description: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets: any[];
  transformations?: any[];
  timeFrom?: string;
  maxDataPoints?: number;
  fieldConfig: { defaults: any; overrides: any[] };
  options: any;
}

export function PanelView({ panel, scene: whole, width, height }: { panel: Panel; scene: Scene; width: number; height: number }) {
  const [frames, setFrames] = useState<DataFrame[] | null>(null);
  const [error, setError] = useState('');
  const theme = useTheme2();
  const scene = panel.timeFrom ? { ...whole, from: whole.to - seconds(panel.timeFrom) } : whole;
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
  const perTarget = await Promise.all(panel.targets.map((target) => answered(target, scene, panel.maxDataPoints ?? width / 3, panel.targets.length === 1)));
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

// Over all fields, for percentages of thresholds, as Grafana computes it.
function ranged(frames: DataFrame[], config: any) {
  const values = frames.flatMap((frame) => frame.fields.filter((one) => one.type === FieldType.number).flatMap((one) => one.values))
    .filter((one: number | null) => one !== null && !Number.isNaN(one));
  return { min: config.min ?? Math.min(...values), max: config.max ?? Math.max(...values) };
}

function chosen(matcher: { id: string; options: string }, name: string): boolean {
  return matcher.id === 'byRegexp' ? new RegExp(matcher.options.slice(1, -1)).test(name) : matcher.options === name;
}

// Defaults, then overrides by name, as Grafana applies them.
function configure(field: Field, frame: DataFrame, frames: DataFrame[], panel: Panel, theme: GrafanaTheme2) {
  const { defaults, overrides } = panel.fieldConfig;
  field.config = { ...structuredClone(defaults), ...field.config, custom: { ...defaults.custom } };
  if (field.type === FieldType.number || panel.type === 'table') {
    const name = getFieldDisplayName(field, frame, frames);
    for (const override of overrides.filter((one) => chosen(one.matcher, name))) {
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
  if (field.config.thresholds?.mode === ThresholdsMode.Percentage) {
    Object.assign(field.config, ranged(frames, field.config));
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
    case 'heatmap':
      return <Buckets frames={frames} width={width} height={height} theme={theme} />;
    case 'trend':
      return <Ranks panel={panel} frame={frames[0]} width={width} height={height} theme={theme} />;
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

// A histogram over time, in shades of blue.
function Buckets({ frames, width, height, theme }: { frames: DataFrame[]; width: number; height: number; theme: GrafanaTheme2 }) {
  const left = 56, bottom = 24;
  const most = Math.max(1, ...frames.flatMap((one) => one.fields[1].values.map((value) => value ?? 0)));
  const times = frames[0].fields[0].values;
  const column = (width - left) / times.length;
  const row = (height - bottom) / frames.length;
  return (
    <svg width={width} height={height} fontSize={12} fill="currentColor">
      {frames.map((frame, place) => {
        const y = height - bottom - (place + 1) * row;
        return (
          <g key={place}>
            <text x={left - 6} y={y + 12} textAnchor="end">{frame.fields[1].labels!.le === '+Inf' ? '+Inf' : `${Number(frame.fields[1].labels!.le)} s`}</text>
            {frame.fields[1].values.map((value: number | null, at: number) =>
              value !== null && value > 0.01 && (
                <rect key={at} x={left + at * column} y={y + 1} width={Math.max(1, column - 1)} height={row - 1}
                  fill={theme.visualization.getColorByName('blue')} opacity={0.15 + 0.85 * Math.sqrt(value / most)} />
              ))}
          </g>
        );
      })}
      {Array.from({ length: 7 }, (_, place) => (
        <text key={place} x={left + ((width - left) * place) / 6} y={height - 4} textAnchor={place === 6 ? 'end' : place ? 'middle' : 'start'} opacity={0.75}>
          {new Date(times[0] + ((times[times.length - 1] - times[0]) * place) / 6).toISOString().slice(11, 16)}
        </text>
      ))}
    </svg>
  );
}

// Bars by rank on the left axis, and shares as a curve on the right axis from 0 to 100 %.
function Ranks({ panel, frame, width, height, theme }: { panel: Panel; frame: DataFrame; width: number; height: number; theme: GrafanaTheme2 }) {
  const named = (name: string) => frame.fields.find((one) => getFieldDisplayName(one, frame, [frame]) === name)!;
  const colour = (name: string) => panel.fieldConfig.overrides.find((one) => one.matcher.options === name)
    .properties.find((one: any) => one.id === 'color').value.fixedColor;
  const [ranks, counts, sums] = [named('Rank').values, named('Alarms').values, named('Added up').values];
  const left = 40, right = 44, bottom = 50;
  const most = Math.max(...counts);
  const wide = (width - left - right) / ranks.length;
  const at = (share: number) => (height - bottom) * (1 - share) + 10;
  const points = sums.map((share: number, place: number) => `${left + (place + 0.5) * wide},${at(share)}`);
  return (
    <svg width={width} height={height} fontSize={12} fill="currentColor">
      {[0, 0.5, 1].map((share) => (
        <g key={share}>
          <text x={left - 6} y={at(share) + 4} textAnchor="end">{Math.round(most * share)}</text>
          <text x={width - right + 6} y={at(share) + 4}>{100 * share}%</text>
          <line x1={left} x2={width - right} y1={at(share)} y2={at(share)} stroke={theme.colors.border.weak} />
        </g>
      ))}
      {ranks.map((rank: number, place: number) => (
        <g key={place}>
          <rect x={left + place * wide + 2} y={at(counts[place] / most)} width={wide - 4} height={at(0) - at(counts[place] / most)} fill={colour('Alarms')} opacity={0.8} />
          <text x={left + (place + 0.5) * wide} y={height - 26} textAnchor="middle" opacity={0.75}>{rank}</text>
        </g>
      ))}
      <polyline points={points.join(' ')} fill="none" stroke={colour('Added up')} strokeWidth={2} />
      {points.map((point) => <circle key={point} cx={point.split(',')[0]} cy={point.split(',')[1]} r={3} fill={colour('Added up')} />)}
      {['Alarms', 'Added up'].map((name, place) => (
        <g key={name} transform={`translate(${8 + 90 * place}, ${height - 12})`}>
          <rect width={14} height={4} y={4} fill={colour(name)} />
          <text x={20} y={10}>{name}</text>
        </g>
      ))}
    </svg>
  );
}
