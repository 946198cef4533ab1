/** The errors of definitions. They do not depend on HTTP: `lib/http/errors.ts` decides how each class is answered. */

/** The entity was changed in the meantime, or its id is taken. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
  /** The version that the entity has now, if it exists. */
  readonly currentVersion: number | undefined;

  constructor(message: string, options: { currentVersion?: number | undefined } = {}) {
    super(message);
    this.currentVersion = options.currentVersion;
  }
}

/** The workspace already has as many live audiences as it can have. */
export class TooManyLiveAudiencesError extends Error {
  override readonly name = 'TooManyLiveAudiencesError';
}

/** The definitions could not be read to their end in time, so it is unknown whether an entity exists. */
export class DefinitionsUnavailableError extends Error {
  override readonly name = 'DefinitionsUnavailableError';
}

/** A change was sent, but it was not read back in time: it may have been made or not. */
export class UnknownOutcomeError extends Error {
  override readonly name = 'UnknownOutcomeError';
}

/** A request without a key, or with an unknown one. */
export class UnauthenticatedError extends Error {
  override readonly name = 'UnauthenticatedError';
}

/** A key was used for a workspace other than its own. */
export class OtherWorkspaceError extends Error {
  override readonly name = 'OtherWorkspaceError';
}

/** A workspace that does not exist. */
export class UnknownWorkspaceError extends Error {
  override readonly name = 'UnknownWorkspaceError';
}
