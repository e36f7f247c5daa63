export function findRedisServer(): string | undefined;
export function obtainRedisServer(): string;
