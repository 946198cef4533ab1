/** Whole installations: started, stopped, killed, side by side, on engines of their own. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createApiClient } from '../../lib/client/index.ts';
import {
  createSubscription,
  createWorkspace,
  postWebhook,
  preview,
  waitFresh,
  type Subscription,
  type Workspace,
} from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';

const everyone = { everyone: true } as const;
let cart = 0;

function order(phone: string, status = 'verification'): object {
  return {
    cart: { id: ++cart, status, store_id: 68, customer_phone_number: phone, created_at: new Date().toISOString() },
  };
}

interface World {
  installation: Installation;
  workspace: Workspace;
  subscription: Subscription;
}

async function world(options: Parameters<typeof startInstallation>[0]): Promise<World> {
  const installation = await startInstallation(options);
  const workspace = await createWorkspace(installation);
  const subscription = await createSubscription(installation, workspace, { event: 'cart_status' });
  return { installation, workspace, subscription };
}

async function send({ subscription }: World, people: number, from = 0): Promise<void> {
  for (let i = from; i < from + people; i++) {
    const answer = await postWebhook(subscription, order(`+1612555${String(1000 + i)}`));
    expect(answer.status).toBe(202);
  }
}

async function counted({ installation, workspace }: World): Promise<number> {
  await waitFresh(installation, workspace, Date.now(), 60_000);
  return (await preview(installation, workspace, everyone)).count;
}

describe('an installation on engines of its own', () => {
  let own: World;
  beforeAll(async () => {
    own = await world({ ownEngines: true });
  });
  afterAll(() => removeInstallation(own.installation));

  it('says one line when all serves, and keeps its keys to its owner', () => {
    expect(own.installation.ready()).toBe(`ready ${own.installation.apiUrl}`);
    for (const file of ['admin-key', 'secret-key']) {
      expect(statSync(join(own.installation.dataDir, file)).mode & 0o777, file).toBe(0o600);
    }
  });

  it('refuses a second one on the same folder, and on the same ports, and says what to do', async () => {
    const { installation } = own;
    const same = await refusal({ ...installation.env });
    expect(same).toContain('Another installation already runs on');
    const ports = await refusal({ ...installation.env, DATA_DIR: `${installation.dataDir}-2` });
    expect(ports).toContain('set another port with API_PORT');
  });

  it('stopped and started: the same counts', async () => {
    await send(own, 20);
    expect(await counted(own)).toBe(20);
    await own.installation.stop();
    expect(existsSync(join(own.installation.dataDir, 'run', 'supervisor.pid'))).toBe(false);
    const startedAt = performance.now();
    await own.installation.restart();
    // Printed, not asserted: the duration depends mostly on the machine. About 15 s on an idle one.
    process.stderr.write(`a second start took ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`);
    expect(await counted(own)).toBe(20);
  });

  it('killed with -9 as a whole and started: nothing lost of what had its 202', async () => {
    await send(own, 20, 20);
    await own.installation.kill9();
    await own.installation.restart();
    expect(await counted(own)).toBe(40);
  });

  it('only the supervisor killed with -9: the next start ends what it left', async () => {
    await send(own, 10, 40);
    await own.installation.kill9Supervisor();
    await own.installation.restart();
    expect(await counted(own)).toBe(50);
  });

  it.each(['processor', 'sink', 'audiences', 'ingest', 'api', 'clickhouse', 'registry', 'kafka'])(
    '%s killed with -9 under way comes back by itself',
    async (name) => {
      const before = await counted(own);
      await send(own, 5, 100 + before);
      await own.installation.kill9(name);
      await own.installation.waitReady();
      await send(own, 5, 105 + before);
      expect(await counted(own)).toBe(before + 10);
    },
  );
});

describe('two installations side by side, by the variables alone', () => {
  it('keep apart', async () => {
    const pair = await Promise.all([world({ ownEngines: true }), world({ ownEngines: true })]);
    try {
      await Promise.all([send(pair[0], 3), send(pair[1], 5)]);
      expect(await Promise.all(pair.map(counted))).toEqual([3, 5]);
      const key = pair[0].workspace.keys.read;
      const stranger = createApiClient({ baseUrl: pair[1].installation.apiUrl, key });
      expect((await stranger.GET('/v1/traits')).response.status).toBe(401);
    } finally {
      await Promise.all(pair.map(({ installation }) => removeInstallation(installation)));
    }
  });
});

/** What `npm start` says when it cannot. */
function refusal(env: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['scripts/run.mjs', 'start'], { env: { ...process.env, ...env } });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('close', (code) =>
      code === 1 ? resolve(said) : reject(new Error(`exit code ${String(code)}: ${said}`)),
    );
  });
}
