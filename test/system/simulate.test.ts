/** `npm run simulate` against a running installation, with nothing but what it takes by itself. */
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkspace, request } from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';

let installation: Installation;
beforeAll(async () => {
  installation = await startInstallation();
});
afterAll(() => removeInstallation(installation));

function simulate(...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...installation.env };
    const child = spawn(process.execPath, ['scripts/run.mjs', 'simulate', '--seed', '3', ...args], { env });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('close', (code) =>
      code === 0 ? resolve(said) : reject(new Error(`exit code ${String(code)}: ${said}`)),
    );
  });
}

const workspaces = async (): Promise<string[]> => {
  const answer = await request<{ items: { id: string }[] }>(`${installation.apiUrl}/v1/workspaces`, {
    key: installation.adminKey,
  });
  return answer.body.items.map(({ id }) => id);
};

describe('npm run simulate', () => {
  it('plays into a workspace of its own, which it makes once', async () => {
    const first = await simulate('--carts', '5');
    expect(first).toContain('seed 3: 5 carts of');
    expect(first).toContain('made the workspace simulation');
    expect(await simulate('--carts', '1')).not.toContain('made the workspace');
    expect(await workspaces()).toContain('simulation');
  });

  it('plays into the workspace of a key', async () => {
    const workspace = await createWorkspace(installation);
    const before = await workspaces();
    expect(await simulate('--carts', '2', '--key', workspace.keys.write)).toContain('consents of');
    expect(await workspaces()).toEqual(before);
  });
});
