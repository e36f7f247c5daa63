/** The names of the servers. */
export declare const SERVERS: readonly string[];
/** The path of a program that is the server. @throws where it cannot be had. */
export declare function obtainServer(name: string): string;
