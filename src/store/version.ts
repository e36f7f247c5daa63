/** The form of versions: a commit's token is the version of its value. */

/** Appended to the version of a value that is marked stale. */
export const STALE_MARK = '~';

/** The version of every marker, so that a marker changes only with its sets of field names. */
export const MARKER_VERSION = '*';
