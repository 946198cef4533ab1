import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KEPT_OF_TOO_LONG_BYTES, LineSplitter, type Line } from './lines.ts';

const MAX = 1024;
/** Splits a text that comes in pieces of these lengths, over and over. */
function split(body: string | Buffer, pieces: readonly number[] = [64], maxBytes = MAX): Line[] {
  const bytes = Buffer.from(body);
  const splitter = new LineSplitter(maxBytes);
  const lines: Line[] = [];
  for (let start = 0, i = 0; start < bytes.length; i++) {
    const end = start + pieces[i % pieces.length]!;
    lines.push(...splitter.push(bytes.subarray(start, end)));
    start = end;
  }
  lines.push(...splitter.end());
  return lines;
}
const texts = (lines: Line[]) => lines.map(({ number, bytes }) => [number, bytes.toString()]);

describe('LineSplitter', () => {
  it.each<[string, string, [number, string][]]>([
    ['nothing', '', []],
    ['one line without a break', 'a', [[1, 'a']]],
    ['a break at the end', 'a\n', [[1, 'a']]],
    [
      'CRLF',
      'a\r\nb\r\n',
      [
        [1, 'a'],
        [2, 'b'],
      ],
    ],
    [
      'CRLF without the last',
      'a\r\nb\r',
      [
        [1, 'a'],
        [2, 'b'],
      ],
    ],
    [
      'blank lines',
      '\n \t\r\na\n\n\r\nb',
      [
        [3, 'a'],
        [6, 'b'],
      ],
    ],
    [
      'a byte order mark',
      '\ufeffa\nb',
      [
        [1, 'a'],
        [2, 'b'],
      ],
    ],
    ['only a byte order mark', '\ufeff\n', []],
    [
      'a byte order mark elsewhere',
      'a\n\ufeffb',
      [
        [1, 'a'],
        [2, '\ufeffb'],
      ],
    ],
    ['spaces around', ' a \n', [[1, ' a ']]],
  ])('%s', (_, body, expected) => {
    for (const piece of [1, 2, 3, 1000]) expect(texts(split(body, [piece])), `pieces of ${piece}`).toEqual(expected);
  });

  it('gives the same whatever the pieces', () => {
    const text = fc
      .array(fc.constantFrom('', 'a', '\r', 'b c', ' ', 'x'.repeat(MAX), 'x'.repeat(MAX + 1), 'ü'))
      .map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), (body, pieces) => {
        expect(split(body, pieces)).toEqual(split(body, [1_000_000]));
      }),
    );
  });

  it.each([1, 100, 10_000])('holds its limit to the byte, with pieces of %i', (piece) => {
    const lines = split(`${'a'.repeat(MAX)}\r\n${'b'.repeat(MAX + 1)}\r\n${'c'.repeat(MAX)}`, [piece]);
    expect(lines.map(({ number, tooLong }) => [number, tooLong])).toEqual([
      [1, false],
      [2, true],
      [3, false],
    ]);
    expect(split(`\ufeff${'a'.repeat(MAX)}\n`, [piece])).toMatchObject([{ tooLong: false }]);
  });

  it('keeps a line that comes byte by byte in few pieces, and large ones as they come', () => {
    const splitter = new LineSplitter(MAX * 1024);
    for (let i = 0; i < 100_000; i++) expect([...splitter.push(Buffer.of(0x61 + (i % 26)))]).toEqual([]);
    for (const byte of [0x30, 0x31]) expect([...splitter.push(Buffer.alloc(5000, byte))]).toEqual([]);
    expect(splitter.pieces).toBeLessThanOrEqual(Math.ceil(100_000 / 4096) + 2);
    const [line] = [...splitter.push(Buffer.from('z\n'))];
    const letters = Array.from({ length: 100_000 }, (_, i) => String.fromCharCode(0x61 + (i % 26))).join('');
    expect(line!.bytes.toString()).toBe(`${letters}${'0'.repeat(5000)}${'1'.repeat(5000)}z`);
  });

  it('counts blank lines', () => {
    const splitter = new LineSplitter(MAX);
    expect([...splitter.push(Buffer.from('\n \r\na\n\n'))]).toHaveLength(1);
    expect(splitter.blankLines).toBe(3);
  });

  it('keeps only the beginning of a line without an end', () => {
    const splitter = new LineSplitter(MAX * 1024);
    const chunk = Buffer.alloc(1024 * 1024, 0x61);
    for (let i = 0; i < 200; i++) expect([...splitter.push(chunk)]).toEqual([]);
    const [line] = [...splitter.push(Buffer.from('\n'))];
    expect(line).toMatchObject({ number: 1, tooLong: true });
    expect(line!.bytes).toHaveLength(KEPT_OF_TOO_LONG_BYTES);
  });
});
