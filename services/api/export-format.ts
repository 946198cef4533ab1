import { EXPORT_COLUMNS, type ExportRow } from './member-rows.ts';

/** How the rows of an export are written. */
export interface ExportFormat {
  type: 'text/csv' | 'application/x-ndjson';
  /** What comes before the rows. */
  head: string;
  write(rows: readonly ExportRow[]): string;
}

/** Spreadsheets take a cell that begins like this for a formula. */
const FORMULA = /^[=+\-@\t\r]/;
const QUOTED = /[",\r\n]/;
const PHONE = EXPORT_COLUMNS.indexOf('phone');

function cell(value: string | number | null, column: number): string {
  if (value === null) return '';
  const text = String(value);
  const safe = column !== PHONE && FORMULA.test(text) ? `'${text}` : text;
  return QUOTED.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** RFC 4180: CRLF, quotes around values that need them. */
const csv: ExportFormat = {
  type: 'text/csv',
  head: `${EXPORT_COLUMNS.join(',')}\r\n`,
  write(rows) {
    let text = '';
    for (const row of rows) {
      for (let i = 1; i < row.length; i++) text += `${i === 1 ? '' : ','}${cell(row[i]!, i - 1)}`;
      text += '\r\n';
    }
    return text;
  },
};

const KEYS = EXPORT_COLUMNS.map((name, i) => `${i === 0 ? '{' : ','}${JSON.stringify(name)}:`);

/** One JSON object per line. */
const ndjson: ExportFormat = {
  type: 'application/x-ndjson',
  head: '',
  write(rows) {
    let text = '';
    for (const row of rows) {
      for (let i = 1; i < row.length; i++) text += KEYS[i - 1]! + JSON.stringify(row[i]);
      text += '}\n';
    }
    return text;
  },
};

export const EXPORT_FORMATS = { csv, ndjson } as const;
