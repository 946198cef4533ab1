/** Offsets from `first` to `last`, both included. */
export interface Span {
  first: number;
  last: number;
}

/**
 * The offset at which a partition resumes: the exclusive end of the contiguous chain of spans that begins at the
 * smallest `first`. Spans may overlap, repeat and come in any order. Nothing after a gap counts, because the records in
 * the gap may be in no table. Null without spans.
 */
export function contiguousEnd(spans: readonly Span[]): number | null {
  let end: number | null = null;
  for (const { first, last } of [...spans].sort((a, b) => a.first - b.first)) {
    if (end === null) end = last + 1;
    else if (first > end) break;
    else end = Math.max(end, last + 1);
  }
  return end;
}
