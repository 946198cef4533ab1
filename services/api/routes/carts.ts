import { z } from '@hono/zod-openapi';
import { VIEWS } from '../../../lib/clickhouse/tables.ts';
import { addRoute, HttpProblem } from '../../../lib/http/index.ts';
import type { Routes } from '../deps.ts';
import {
  CART_COLUMNS,
  cartSchema,
  TRAIT_EVENT_COLUMNS,
  traitEventSchema,
  type CartRow,
  type TraitEventRow,
} from '../rows.ts';
import { idParams } from '../schemas.ts';

const EVENTS_MAX = 2_000;

export const cartRoutes: Routes = (app, deps) => {
  addRoute(app, {
    method: 'get',
    path: '/v1/carts/{id}',
    summary: 'A cart with its trait events, ordered by time',
    tag: 'carts',
    access: 'read',
    params: idParams,
    answers: {
      200: {
        description: 'the cart',
        schema: z.strictObject({ ...cartSchema.shape, trait_events: z.array(traitEventSchema) }),
      },
    },
  }).handle(async ({ c, params: { id }, workspace }) => {
    const database = deps.database.for(c.req.raw.signal);
    const params = { workspace, id };
    const [carts, trait_events] = await Promise.all([
      database.rows<CartRow>(
        `SELECT ${CART_COLUMNS} FROM ${VIEWS.carts} WHERE workspace = {workspace:String} AND cart_id = {id:String}`,
        params,
      ),
      database.rows<TraitEventRow>(
        `SELECT ${TRAIT_EVENT_COLUMNS} FROM ${VIEWS.traitEvents}
          WHERE workspace = {workspace:String} AND cart_id = {id:String}
          ORDER BY occurred_at, trait, status LIMIT ${EVENTS_MAX}`,
        params,
      ),
    ]);
    const [cart] = carts;
    if (!cart) throw new HttpProblem(404, 'no such cart');
    return { status: 200, body: { ...cart, trait_events } };
  });
};
