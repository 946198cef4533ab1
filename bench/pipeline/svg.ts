/** The little of SVG that plots need. */

export const BLUES = ['#1864ab', '#4dabf7', '#0ca678', '#748ffc', '#15aabf'];
const INK = '#343a40';

export type Scale = (value: number) => number;

/** From a range of values onto a range of pixels. */
export function scale([low, high]: [number, number], [from, to]: [number, number]): Scale {
  return (value) => from + ((value - low) / (high - low)) * (to - from);
}

const escape = (words: string): string => words.replace(/&/g, '&amp;').replace(/</g, '&lt;');

export interface TextStyle {
  size?: number;
  bold?: boolean;
  anchor?: 'start' | 'middle' | 'end';
  color?: string;
}

export function text(x: number, y: number, words: string, style: TextStyle = {}): string {
  const { size = 12, bold = false, anchor = 'start', color = INK } = style;
  const weight = bold ? ' font-weight="600"' : '';
  const place = `x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"`;
  return `<text ${place} font-size="${size}"${weight} fill="${color}">${escape(words)}</text>`;
}

export function line(
  points: readonly (readonly [number, number])[],
  color: string,
  { dashed = false }: { dashed?: boolean } = {},
): string {
  const path = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
  const dash = dashed ? ' stroke-dasharray="5 4"' : '';
  return `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="1.5"${dash}/>`;
}

/** A whole picture on white, so that it can be read on any page. */
export function document(width: number, height: number, parts: readonly string[]): string {
  const open = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif">`;
  return [open, `<rect width="${width}" height="${height}" fill="#fff"/>`, ...parts, '</svg>', ''].join('\n');
}
