import { HttpProblem, requireAccess, requireWorkspace } from '../../../lib/http/index.ts';
import type { Routes } from '../deps.ts';

/** Paths below flows that are not built yet: they check the key as they will later, then answer 501. */
export const notBuiltRoutes: Routes = (app) => {
  app.on(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], ['/v1/flows/*'], async (c) => {
    const principal = await app.options.authenticate?.(c.req.raw.headers);
    if (principal) {
      requireAccess(principal, ['GET', 'HEAD'].includes(c.req.method) ? 'read' : 'write');
      requireWorkspace(principal);
    }
    throw new HttpProblem(501, `${c.req.method} ${c.req.path} is not built yet`);
  });
};
