import { SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { statusesOf, unknownStatusesOf, useTraits } from '../data/traits.ts';
import { Figure } from '../design/Figure.tsx';
import { remedyFor } from '../design/states.tsx';
import { toneOf } from '../design/words.ts';
import { cellKey, useCounts, type CellCount } from './data.ts';
import { GROUPS, otherGroup, RANGES, type Cell, type Range } from './lifecycle.ts';

interface Meanings {
  meanings: ReadonlyMap<string, string>;
  seen: string[];
}

function useMeanings(): Meanings {
  const { data } = useTraits(30_000);
  const statuses = statusesOf(data);
  return {
    meanings: new Map(statuses.map(({ status, meaning }) => [status, meaning])),
    seen: [...statuses.map(({ status }) => status), ...unknownStatusesOf(data)],
  };
}

/** People by trait and status, in the order of a cart's lifecycle. */
export function Board() {
  const [range, setRange] = useState<Range>('today');
  const { meanings, seen } = useMeanings();
  const groups = [...GROUPS, ...otherGroup(seen)];
  const counts = useCounts(
    groups.flatMap(({ cells }) => cells),
    range,
  );
  const most = Math.max(1, ...[...counts.values()].map(({ data }) => data?.count ?? 0));
  return (
    <section className="board panel" aria-labelledby="board-title">
      <header className="panel-head">
        <div>
          <h2 id="board-title">People by status</h2>
          <p className="fine">People with a cart that reached the status in the selected time range.</p>
        </div>
        <SegmentedControl
          size="xs"
          aria-label="Time range"
          value={range}
          data={RANGES.map(({ value, label }) => ({ value, label }))}
          onChange={(value) => setRange(value as Range)}
        />
      </header>
      <div className="board-groups">
        {groups.map(({ title, cells }) => (
          <section key={title} className="group" aria-label={title}>
            <h3>{title}</h3>
            <ul>
              {cells.map((cell) => (
                <CellView
                  key={cellKey(cell)}
                  cell={cell}
                  count={counts.get(cellKey(cell))}
                  most={most}
                  meaning={meanings.get(cell.status) ?? (cell.status !== '' && meanings.size > 0 ? UNDOCUMENTED : null)}
                />
              ))}
            </ul>
          </section>
        ))}
      </div>
    </section>
  );
}

/** The hint at a status without a known meaning. */
const UNDOCUMENTED = 'Jane sends this status but does not document it.';

interface CellViewProps {
  cell: Cell;
  count: CellCount | undefined;
  /** The largest count on the board, which fills a whole bar. */
  most: number;
  meaning: string | null;
}

function CellView({ cell, count, most, meaning }: CellViewProps) {
  const people = count?.data?.count ?? null;
  const hint = count?.error && people === null ? remedyFor(count.error) : (meaning ?? undefined);
  return (
    <li
      className="cell"
      data-tone={toneOf(cell.trait, cell.status)}
      data-none={people === 0 || undefined}
      title={hint || undefined}
      data-testid={`count-${cell.trait === 'cart_abandoned' ? 'abandoned' : cell.status}`}
    >
      <span className="cell-label">{cell.label}</span>
      <Figure value={people} />
      <span className="cell-bar" aria-hidden="true">
        <span className="cell-fill" style={{ transform: `scaleX(${(people ?? 0) / most})` }} />
      </span>
    </li>
  );
}
