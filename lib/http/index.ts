export { createApp, onError, type App, type AppOptions } from './app.ts';
export { HttpProblem, invalid, itemsOf, pointer, problem, type Problem, type ProblemItem } from './problem.ts';
export { may, requireAccess, requireWorkspace, ROLES, type Access, type Principal, type Role } from './roles.ts';
export { addRoute, HEAD_TOO_LARGE, problemSchema, type Reply, type Route, type RouteInput } from './route.ts';
export { decodeCursor, encodeCursor, listOf, listQuery, pageOf } from './lists.ts';
export { ListenError, serve, type Serving } from './serve.ts';
