import { addRoute, HttpProblem, requireAccess, requireWorkspace, type Route } from '../../../lib/http/index.ts';
import type { Routes } from '../deps.ts';
import { idParams } from '../schemas.ts';

type Method = Route<undefined, undefined, undefined>['method'];

/** Of the contract and not built yet: a key is checked as it will be, then they answer 501. */
const LATER: [Method, string, string, 'read' | 'write'][] = [
  ['post', '/v1/audiences/trend', 'An audience over time', 'read'],
  ['post', '/v1/audiences/explain', 'Why a person is in an audience or not', 'read'],
  ['post', '/v1/audiences/parse', 'Words to an audience', 'read'],
  ['post', '/v1/audiences/render', 'An audience in words', 'read'],
  ['post', '/v1/audiences', 'Keep an audience', 'write'],
  ['get', '/v1/audiences', 'List audiences', 'read'],
  ['get', '/v1/audiences/{id}', 'One audience', 'read'],
  ['put', '/v1/audiences/{id}', 'Change an audience', 'write'],
  ['delete', '/v1/audiences/{id}', 'Drop an audience', 'write'],
  ['get', '/v1/audiences/{id}/versions', 'What it was before', 'read'],
  ['get', '/v1/audiences/{id}/members', 'Who is in it', 'read'],
  ['get', '/v1/audiences/{id}/export', 'All members as a file', 'read'],
  ['get', '/v1/audiences/{id}/changes', 'Who entered and left', 'read'],
  ['delete', '/v1/people/{id}', 'Erase a person', 'write'],
  ['get', '/v1/link-rules', 'Rules of who is who', 'read'],
  ['put', '/v1/link-rules', 'Change the rules of who is who', 'write'],
  ['get', '/v1/link-report', 'What the rules of who is who do', 'read'],
  ['post', '/v1/analytics/funnel', 'From cart to finished', 'read'],
  ['post', '/v1/analytics/abandonment', 'Abandonment over time', 'read'],
  ['get', '/v1/analytics/board', 'Figures of the day', 'read'],
  ['post', '/v1/flows', 'Make a flow', 'write'],
  ['get', '/v1/flows', 'List flows', 'read'],
  ['post', '/v1/flows/backtest', 'Try a flow on the past', 'read'],
  ['get', '/v1/flows/{id}', 'One flow', 'read'],
  ['put', '/v1/flows/{id}', 'Change a flow', 'write'],
  ['delete', '/v1/flows/{id}', 'Drop a flow', 'write'],
];

export const notBuiltRoutes: Routes = (app) => {
  for (const [method, path, summary, access] of LATER) {
    addRoute(
      app,
      {
        method,
        path,
        summary,
        access,
        tag: 'not built yet',
        ...(path.includes('{id}') ? { params: idParams } : {}),
        answers: {},
        problems: { 501: 'not built yet' },
      },
      () => {
        throw new HttpProblem(501, `${method.toUpperCase()} ${path} is not built yet`);
      },
    );
  }
  // Whatever else will be below these.
  for (const path of ['/v1/audiences', '/v1/flows']) {
    app.on(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], [`${path}/*`], async (c) => {
      const principal = await app.options.authenticate?.(c.req.raw.headers);
      if (principal) {
        requireAccess(principal, ['GET', 'HEAD'].includes(c.req.method) ? 'read' : 'write');
        requireWorkspace(principal);
      }
      throw new HttpProblem(501, `${c.req.method} ${c.req.path} is not built yet`);
    });
  }
};
