import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import { init, type ChartOption, type ECharts } from './chart-engine.ts';

/** Reads a token of tokens.css, such as `--ink`. */
const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** What every chart has in common, from the tokens. */
function common(): ChartOption {
  const axis = {
    axisLine: { lineStyle: { color: token('--line') } },
    axisTick: { show: false },
    axisLabel: { color: token('--soft'), fontSize: 11 },
    splitLine: { lineStyle: { color: token('--line') } },
  };
  return {
    color: [1, 2, 3, 4, 5].map((n) => token(`--chart-${n}`)),
    textStyle: { fontFamily: token('--text-face') },
    grid: { left: 4, right: 12, top: 16, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    tooltip: {
      trigger: 'axis',
      // Text drawn on the canvas: nothing that comes from outside becomes markup.
      renderMode: 'richText',
      backgroundColor: token('--panel'),
      borderColor: token('--line'),
      textStyle: { color: token('--ink'), fontSize: 12 },
      axisPointer: { lineStyle: { color: token('--line-strong') } },
    },
    legend: { show: false, textStyle: { color: token('--soft') } },
    xAxis: { ...axis, splitLine: { show: false } },
    yAxis: { ...axis, axisLine: { show: false } },
  };
}

/** The option over the common one; objects are merged, of lists of axes every element. */
function withCommon(option: ChartOption): ChartOption {
  const base = common() as Record<string, unknown>;
  const merged: Record<string, unknown> = { ...base, ...option };
  for (const key of ['grid', 'tooltip', 'legend', 'xAxis', 'yAxis']) {
    const own = (option as Record<string, unknown>)[key];
    const over = (one: unknown): object => deepMerge(base[key] as object, (one ?? {}) as object);
    merged[key] = Array.isArray(own) ? own.map(over) : over(own);
  }
  return merged as ChartOption;
}

function deepMerge(base: object, over: object): object {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const old = merged[key];
    const both = isPlain(old) && isPlain(value);
    merged[key] = both ? deepMerge(old, value) : value;
  }
  return merged;
}

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

export default function ChartCanvas({ option }: { option: ChartOption }) {
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<ECharts | null>(null);
  const scheme = useComputedColorScheme('light');
  useEffect(() => {
    const element = host.current!;
    const made = init(element, null, { renderer: 'canvas' });
    chart.current = made;
    const observer = new ResizeObserver(() => made.resize());
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.dispose();
    };
  }, []);
  useEffect(() => {
    const still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    chart.current?.setOption({ animation: !still, animationDuration: 300, ...withCommon(option) }, { notMerge: true });
  }, [option, scheme]);
  return <div ref={host} style={{ width: '100%', height: '100%' }} />;
}
