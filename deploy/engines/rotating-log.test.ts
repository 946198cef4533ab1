import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RotatingLog } from './rotating-log.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jane-log-'));
  path = join(folder, 'sample.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function until(check: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !check(); i++) await sleep(10);
  expect(check()).toBe(true);
}

describe('RotatingLog', () => {
  it('is set aside at 10 MB, and three are kept', async () => {
    const log = new RotatingLog(path, () => undefined);
    for (let file = 0; file < 4; file++) {
      for (let i = 0; i < 100; i++) log.write(`${file} ${'x'.repeat(100_000)}`);
      await sleep(50);
    }
    log.close();
    await until(() => existsSync(`${path}.2`) && readFileSync(path, 'utf8').length > 10_000_000);
    expect(['', '.1', '.2'].map((end) => readFileSync(path + end, 'utf8')[0])).toEqual(['3', '2', '1']);
    expect(existsSync(`${path}.3`)).toBe(false);
  });

  it.skipIf(!existsSync('/dev/full'))(
    'loses lines while the disk is full, says so once, and goes on after it',
    async () => {
      symlinkSync('/dev/full', path);
      const said: string[] = [];
      let nowMs = 0;
      const log = new RotatingLog(
        path,
        (message) => said.push(message),
        () => nowMs,
      );
      for (let i = 0; i < 3; i++) {
        log.write('lost');
        log.write('lost too');
        await sleep(20);
        nowMs += 6_000;
      }
      expect(said).toEqual([`cannot write ${path} (ENOSPC); log lines are lost`]);
      rmSync(path);
      log.write('kept');
      await until(() => existsSync(path) && readFileSync(path, 'utf8') === 'kept\n');
      log.close();
    },
  );

  it('does not end whoever writes when its folder is gone', async () => {
    const said: string[] = [];
    const log = new RotatingLog(join(folder, 'gone', 'sample.log'), (message) => said.push(message));
    log.write('lost');
    await until(() => said.length === 1);
    log.close();
  });
});
