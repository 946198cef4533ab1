import type { Definitions } from '../../lib/definitions/index.ts';
import { HttpProblem } from '../../lib/http/index.ts';

/** The workspace's time zone. Throws HttpProblem 404 when the workspace does not exist. */
export async function zoneOf(definitions: Definitions, workspace: string): Promise<string> {
  const zone = (await definitions.findWorkspace(workspace))?.time_zone;
  if (zone === undefined) throw new HttpProblem(404, 'no such workspace');
  return zone;
}
