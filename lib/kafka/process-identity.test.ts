import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { isGone, processIdentity } from './process-identity.ts';

it('knows a process of this machine that ended, and no other', async () => {
  const own = processIdentity();
  if (own === null) return;
  expect(isGone(own)).toBe(false);
  const child = spawn(process.execPath, ['-e', '']);
  const identity = own.replace(/\d+$/, String(child.pid));
  await once(child, 'close');
  expect(isGone(identity)).toBe(true);
  expect(isGone(identity.replace(/^[^/]+/, 'another-boot'))).toBe(false);
  expect(isGone('anything')).toBe(false);
});
