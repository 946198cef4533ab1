import { Button } from '@mantine/core';
import { lazy, Suspense, useId, useState, type ReactNode } from 'react';
import type { ChartOption } from './chart-engine.ts';

const ChartCanvas = lazy(() => import('./ChartCanvas.tsx'));

/** The same data as text: for screen readers always, for everybody at a click. */
export interface ChartTable {
  columns: readonly string[];
  /** Numbers are aligned to the right. */
  rows: readonly (readonly ReactNode[])[];
}

interface ChartProps {
  /** What the chart shows, as a title: "People in this audience over the last 30 days". */
  label: string;
  /** ECharts' option. Colours default to the palette of the tokens. */
  option: ChartOption;
  table: ChartTable;
  height?: number;
  /** Hides the button that shows the table; the table stays available to screen readers. */
  plain?: boolean;
  testId?: string;
}

/** A chart. ECharts is loaded with the first one. */
export function Chart({ label, option, table, height = 200, plain = false, testId }: ChartProps) {
  const [asTable, setAsTable] = useState(false);
  const id = useId();
  return (
    <figure className="chart" aria-label={label} data-testid={testId}>
      {!asTable && (
        <div className="chart-canvas" style={{ height }} aria-hidden="true">
          <Suspense fallback={null}>
            <ChartCanvas option={option} />
          </Suspense>
        </div>
      )}
      <div
        id={id}
        className={asTable ? 'chart-table' : 'chart-table visually-hidden'}
        data-shown={asTable || undefined}
        tabIndex={asTable ? 0 : undefined}
      >
        <table>
          <caption className="visually-hidden">{label}</caption>
          <thead>
            <tr>
              {table.columns.map((column, index) => (
                <th key={column} scope="col" className={index === 0 ? undefined : 'number'}>
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {table.rows.map((row, index) => (
              <tr key={index}>
                {row.map((cell, column) => (
                  <td key={column} className={column === 0 ? undefined : 'number'}>
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {!plain && (
        <div className="chart-switch">
          <Button
            size="compact-xs"
            variant="subtle"
            color="gray"
            fw={400}
            aria-controls={id}
            aria-expanded={asTable}
            onClick={() => setAsTable(!asTable)}
          >
            {asTable ? 'Show as chart' : 'Show as table'}
          </Button>
        </div>
      )}
    </figure>
  );
}
