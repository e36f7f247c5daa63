export function findRedisServer(): string | undefined;
export function obtainRedisServer(): string;
export function installFromDebian(name?: string): string;
export function onPath(name: string): string | undefined;
