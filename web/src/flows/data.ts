/** What the pages of flows ask of the API. */
import type { UseQueryResult } from '@tanstack/react-query';
import type { Schemas } from '../../../lib/client/index.ts';
import type { Flow } from '../../../lib/flows/definition.ts';
import {
  allItems,
  bodyOf,
  inTurn,
  type Backtest,
  type FlowReport,
  type FlowRunWithSteps,
  type FlowTemplate,
  type SavedFlow,
} from '../data/api.ts';
import { lastAnswerOn, useApiPages, useApiQuery } from '../data/queries.ts';
import { RANGE_HOURS, type FlowRange, type RunState } from './search.ts';

/** The definition as its type: the API's document describes it only in part. */
export const flowOf = ({ flow }: { flow: Schemas['Flow'] }): Flow => flow as unknown as Flow;

const LIST_MS = 5_000;
const FLOW_MS = 2_000;
const REPORT_MS = 3_000;
/** A report in a list. */
const ROW_MS = 10_000;
const PAGE = 50;
const HOUR_MS = 3_600_000;

export const useFlows = (): UseQueryResult<SavedFlow[]> =>
  useApiQuery(
    ['flows'],
    (api, signal) => allItems((query) => bodyOf(api.GET('/v1/flows', { params: { query }, signal }))),
    { refetchInterval: LIST_MS },
  );

export const useFlow = (id: string): UseQueryResult<SavedFlow> =>
  useApiQuery(['flow', id], (api, signal) => bodyOf(api.GET('/v1/flows/{id}', { params: { path: { id } }, signal })), {
    refetchInterval: FLOW_MS,
  });

/** A version of a flow; null asks nothing. The versions of a flow never change. */
export const useVersion = (id: string, version: number | null): UseQueryResult<Flow | null> =>
  useApiQuery(
    ['flow-version', id, version],
    async (api, signal) => {
      const path = '/v1/flows/{id}/versions';
      const all = await allItems((query) => bodyOf(api.GET(path, { params: { path: { id }, query }, signal })));
      const found = all.find((one) => one.version === version);
      return found === undefined ? null : flowOf(found);
    },
    { enabled: version !== null, staleTime: Infinity },
  );

export const useTemplates = (): UseQueryResult<FlowTemplate[]> =>
  useApiQuery(
    ['flow-templates'],
    async (api, signal) => (await bodyOf(api.GET('/v1/flow-templates', { signal }))).items,
    { staleTime: Infinity },
  );

/** What a flow has done: always, or in a time that ends now. */
export const useReport = (id: string, range: FlowRange | undefined): UseQueryResult<FlowReport> =>
  useApiQuery(
    ['flow-report', id, range ?? 'all'],
    (api, signal) => {
      const query =
        range === undefined ? {} : { from: new Date(Date.now() - RANGE_HOURS[range] * HOUR_MS).toISOString() };
      return bodyOf(api.GET('/v1/flows/{id}/report', { params: { path: { id }, query }, signal }));
    },
    { refetchInterval: REPORT_MS, placeholderData: lastAnswerOn(id) },
  );

/** The report of a flow in a list, once it has come into view. */
export const useRowReport = (id: string, enabled: boolean): UseQueryResult<FlowReport> =>
  useApiQuery(
    ['flow-row-report', id],
    (api, signal) => inTurn(() => bodyOf(api.GET('/v1/flows/{id}/report', { params: { path: { id } }, signal }))),
    { enabled, refetchInterval: ROW_MS },
  );

/** How many messages all nodes have sent. */
export const sentOf = ({ nodes }: Pick<FlowReport, 'nodes'>): number =>
  Object.values(nodes).reduce((sum, { sent }) => sum + sent, 0);

export const notSentOf = ({ nodes }: Pick<FlowReport, 'nodes'>): number =>
  Object.values(nodes)
    .flatMap(({ skipped, failed, unknown }) => [...Object.values(skipped), failed, unknown])
    .reduce((sum, count) => sum + count, 0);

export interface RunFilter {
  state: RunState | undefined;
  person: string | undefined;
}

export const useRuns = (id: string, { state, person }: RunFilter) =>
  useApiPages(
    ['flow-runs', id, state, person],
    (api, page, signal) => {
      const query = {
        limit: PAGE,
        ...(state === undefined ? {} : { state }),
        ...(person === undefined ? {} : { person_id: person }),
        ...page,
      };
      return bodyOf(api.GET('/v1/flows/{id}/runs', { params: { path: { id }, query }, signal }));
    },
    { refetchInterval: LIST_MS },
  );

export const useRun = (id: string): UseQueryResult<FlowRunWithSteps> =>
  useApiQuery(
    ['flow-run', id],
    (api, signal) => bodyOf(api.GET('/v1/runs/{id}', { params: { path: { id } }, signal })),
    { refetchInterval: FLOW_MS },
  );

export const useDecisions = (id: string, person: string) =>
  useApiPages(
    ['flow-why', id, person],
    (api, page, signal) => {
      const query = { person_id: person, limit: PAGE, ...page };
      return bodyOf(api.GET('/v1/flows/{id}/why', { params: { path: { id }, query }, signal }));
    },
    { refetchInterval: LIST_MS },
  );

export const useMessages = (id: string, person: string | undefined) =>
  useApiPages(
    ['flow-messages', id, person],
    (api, page, signal) => {
      const query = { flow_id: id, limit: PAGE, ...(person === undefined ? {} : { person_id: person }), ...page };
      return bodyOf(api.GET('/v1/messages', { params: { query }, signal }));
    },
    { refetchInterval: LIST_MS },
  );

const CHANNELS = ['sms', 'email', 'webhook'] as const;

/** The channels whose provider keeps messages and sends nothing. */
export const useTestChannels = (): UseQueryResult<string[]> =>
  useApiQuery(['channels'], async (api, signal) => {
    const all = await Promise.all(
      CHANNELS.map((channel) => bodyOf(api.GET('/v1/channels/{channel}', { params: { path: { channel } }, signal }))),
    );
    return all.filter(({ provider }) => provider === 'test').map(({ channel }) => channel);
  });

const DAY_MS = 24 * HOUR_MS;

/** What is asked of a back-test; `number` tells one start from the next. */
export interface BacktestAsked {
  days: number;
  number: number;
}

/** Plays the last days; null plays nothing, and stops what is being played. */
export const useBacktest = ({ id, version }: SavedFlow, asked: BacktestAsked | null): UseQueryResult<Backtest> =>
  useApiQuery(
    ['flow-backtest', id, version, asked],
    (api, signal) => {
      const toMs = Date.now();
      const [from, to] = [toMs - asked!.days * DAY_MS, toMs].map((ms) => new Date(ms).toISOString());
      return bodyOf(api.POST('/v1/flows/backtest', { body: { id, from: from!, to: to! }, signal }));
    },
    {
      enabled: asked !== null,
      staleTime: Infinity,
      retry: false,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
    },
  );
