import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { freeze } from './freeze.ts';

/** Its main thread sleeps while another thread works, as in a Java process. */
const PROGRAM = `
  const { Worker } = require('node:worker_threads');
  const worker = new Worker("require('node:worker_threads').parentPort.postMessage(0); for (;;);", { eval: true });
  worker.once('message', () => console.log('works'));
`;

it.runIf(process.platform === 'linux')('no thread of a frozen process runs', async () => {
  const child = spawn(process.execPath, ['-e', PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    const pid = child.pid!;
    for (let round = 0; round < 20; round++) {
      await freeze(pid);
      // Read at once: to start `ps` takes longer than it takes the threads to stop.
      const threads = readdirSync(`/proc/${pid}/task`);
      const states = threads.map(
        (id) => /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/task/${id}/status`, 'utf8'))?.[1],
      );
      expect(states).toEqual(threads.map(() => 'T'));
      process.kill(pid, 'SIGCONT');
    }
  } finally {
    child.kill('SIGKILL');
  }
});
