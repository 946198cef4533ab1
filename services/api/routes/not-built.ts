import { addRoute, HttpProblem, requireAccess, requireWorkspace } from '../../../lib/http/index.ts';
import type { Routes } from '../deps.ts';
import { idParams } from '../schemas.ts';

type Method = 'get' | 'post' | 'put' | 'delete';

/** Routes of the contract that are not built yet: they check the key as they will later, then answer 501. */
const LATER: [Method, string, string, 'read' | 'write'][] = [
  ['post', '/v1/flows/backtest', 'Run a flow against past events', 'read'],
];

export const notBuiltRoutes: Routes = (app) => {
  for (const [method, path, summary, access] of LATER) {
    addRoute(app, {
      method,
      path,
      summary,
      access,
      tag: 'not built yet',
      ...(path.includes('{id}') ? { params: idParams } : {}),
      answers: {},
      problems: { 501: 'not built yet' },
    }).handle(() => {
      throw new HttpProblem(501, `${method.toUpperCase()} ${path} is not built yet`);
    });
  }
  // All other paths below flows.
  app.on(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], ['/v1/flows/*'], async (c) => {
    const principal = await app.options.authenticate?.(c.req.raw.headers);
    if (principal) {
      requireAccess(principal, ['GET', 'HEAD'].includes(c.req.method) ? 'read' : 'write');
      requireWorkspace(principal);
    }
    throw new HttpProblem(501, `${c.req.method} ${c.req.path} is not built yet`);
  });
};
