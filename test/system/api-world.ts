/** An installation whose API is asked over HTTP, every answer held to its OpenAPI document. */
import { expect } from 'vitest';
import { createWorkspace, request, type Workspace } from '../harness/client.ts';
import {
  removeInstallation,
  startInstallation,
  type Installation,
  type InstallationOptions,
} from '../harness/installation.ts';
import { agreementWith, type OpenApi } from './openapi-agreement.ts';

export interface Asked<T> {
  status: number;
  headers: Headers;
  body: T;
}

export interface Question {
  key?: string | undefined;
  workspace?: string;
  /** As JSON; text goes as it is. */
  body?: unknown;
  headers?: Record<string, string>;
}

export interface ApiWorld {
  installation: Installation;
  document: OpenApi;
  /** Successes of these paths that the document names and nobody has seen, as `POST /v1/keys 201`. */
  unseen(prefixes: string[]): string[];
  ask<T = Record<string, unknown>>(method: string, path: string, question?: Question): Promise<Asked<T>>;
  close(): Promise<void>;
}

export async function openApi(options: InstallationOptions = {}): Promise<ApiWorld> {
  const installation = await startInstallation({ ...options, env: { PARTITIONS: '2', ...options.env } });
  const { body: document } = await request<OpenApi>(`${installation.apiUrl}/openapi.json`);
  const agreement = agreementWith(document);
  const seen = new Set<string>();
  return {
    installation,
    document,
    unseen: (prefixes) =>
      agreement.places.filter((place) => {
        const [, path = '', status = ''] = place.split(' ');
        const asked = prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
        return asked && status.startsWith('2') && !seen.has(place);
      }),
    async ask<T>(method: string, path: string, { key, workspace, body, headers }: Question = {}): Promise<Asked<T>> {
      const response = await fetch(installation.apiUrl + path, {
        method,
        headers: {
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...(workspace === undefined ? {} : { 'x-workspace': workspace }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const json = /[/+]json/.test(response.headers.get('content-type') ?? '');
      const answer = {
        status: response.status,
        headers: response.headers,
        body: json ? (JSON.parse(text) as unknown) : text,
      };
      const { place, wrong } = agreement.check(method, path, answer);
      if (wrong.length > 0) throw new Error(`${place}: ${wrong.join('; ')} in ${text}`);
      seen.add(place);
      return answer as Asked<T>;
    },
    close: () => removeInstallation(installation),
  };
}

interface Problem {
  status: number;
  title: string;
  detail: string;
  errors?: { path: string; message: string }[];
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** An installation with two workspaces, the first of them in New York and without grace. */
export interface AcmeWorld extends ApiWorld {
  acme: Workspace;
  other: Workspace;
  /** The admin key. */
  admin: string;
  statusOf(method: string, path: string, question?: Question): Promise<number>;
  /** The places that a 422 names; asked with the write key of `acme` unless another is given. */
  pathsOf(body: unknown, path: string, key?: string): Promise<string[]>;
}

export async function openAcme(options: InstallationOptions = {}): Promise<AcmeWorld> {
  const api = await openApi(options);
  const { installation, ask } = api;
  const [acme, other] = await Promise.all([
    createWorkspace(installation, { time_zone: 'America/New_York', grace_seconds: 0 }),
    createWorkspace(installation),
  ]);
  return {
    ...api,
    acme,
    other,
    admin: installation.adminKey,
    statusOf: async (method, path, question) => (await ask(method, path, question)).status,
    pathsOf: async (body, path, key = acme.keys.write) => {
      const { status, body: problem } = await ask<Problem>('POST', path, { key, body });
      expect(status).toBe(422);
      return (problem.errors ?? []).map((item) => item.path);
    },
  };
}
