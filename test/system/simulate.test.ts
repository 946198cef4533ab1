/** `npm run simulate` and `npm run verify` against a running installation, with nothing but what it takes by itself. */
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodyOf, createApiClient } from '../../lib/client/index.ts';
import { createWorkspace } from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';

let installation: Installation;
beforeAll(async () => {
  installation = await startInstallation();
});
afterAll(() => removeInstallation(installation));

function npmRun(script: string, ...args: string[]): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...installation.env };
    const child = spawn(process.execPath, ['scripts/run.mjs', script, ...args], { env });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('close', (code) => resolve({ code, said }));
  });
}

async function simulate(...args: string[]): Promise<string> {
  const { code, said } = await npmRun('simulate', '--seed', '3', ...args);
  if (code !== 0) throw new Error(`exit code ${String(code)}: ${said}`);
  return said;
}

async function workspaces(): Promise<string[]> {
  const api = createApiClient({ baseUrl: installation.apiUrl, key: installation.adminKey });
  const { items } = await bodyOf(api.GET('/v1/workspaces'));
  return items.map(({ id }) => id);
}

describe('npm run simulate', () => {
  it('sends to a workspace of its own, which it creates once', async () => {
    const first = await simulate('--carts', '5');
    expect(first).toContain('seed 3: 5 carts by');
    expect(first).toContain('created the workspace simulation');
    expect(await simulate('--carts', '1')).not.toContain('created the workspace');
    expect(await workspaces()).toContain('simulation');
  });

  it('sends to the workspace of a key', async () => {
    const workspace = await createWorkspace(installation);
    const before = await workspaces();
    expect(await simulate('--carts', '2', '--key', workspace.keys.write)).toContain('sent consents for');
    expect(await workspaces()).toEqual(before);
  });
});

describe('npm run verify', () => {
  it('agrees with what was simulated, and reports a misspelt workspace', async () => {
    await simulate('--carts', '2');
    const whole = await npmRun('verify', '--workspace', 'simulation');
    expect(whole).toMatchObject({ code: 0, said: expect.stringMatching(/^ok$/m) as string });
    const none = await npmRun('verify', '--workspace', 'simulatoin');
    expect(none).toMatchObject({ code: 2, said: expect.stringContaining('is the name correct?') as string });
  });
});
