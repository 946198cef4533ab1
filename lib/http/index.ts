export { createApp, type App, type AppOptions } from './app.ts';
export { describeAnswers, HEAD_TOO_LARGE, problemSchema } from './describe.ts';
export {
  engineUnavailable,
  errorAnswer,
  onError,
  problemFor,
  unavailable,
  type ErrorAnswer,
  type ErrorEdge,
  type ErrorLogger,
} from './errors.ts';
export { HttpProblem, invalid, itemsOf, pointer, type Problem, type ProblemItem } from './problem.ts';
export { may, requireAccess, requireWorkspace, ROLES, type Access, type Principal, type Role } from './roles.ts';
export { addRoute, toResponse, type Answers, type AnyReply, type Reply, type Route, type RouteInput } from './route.ts';
export { decodeCursor, encodeCursor, listOf, listQuery, pageOf, pageOfRows } from './lists.ts';
export { ListenError, serve, type Serving } from './serve.ts';
