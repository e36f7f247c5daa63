/* The names that the parts of programs in the documentation take for granted, with the types that an app gives them. */

import type { AsyncLocalStorage } from 'node:async_hooks';
import type { EventEmitter } from 'node:events';
import type { Meter, Tracer } from '@opentelemetry/api';
import type { Express as App, RequestHandler, Router } from 'express';
import type { Redis } from 'ioredis';
import type { Registry } from 'prom-client';
import type { CacheMiddleware } from 'redis-response-cache';

declare global {
  const express: typeof import('express');
  const http: typeof import('node:http');
  const compression: typeof import('compression');
  const cors: typeof import('cors');
  const redisCache: typeof import('redis-response-cache').redisCache;

  const app: App;
  const api: Router;
  const router: Router;
  const cache: CacheMiddleware;
  const redis: Redis;
  const handler: RequestHandler;
  const listLeads: RequestHandler;
  const rates: RequestHandler;
  const requestId: () => RequestHandler;
  const session: typeof import('express-session');
  const cookieParser: () => RequestHandler;
  const i18next: typeof import('i18next').default;
  const i18nextMiddleware: typeof import('i18next-http-middleware');
  const plan: AsyncLocalStorage<string | undefined>;
  const Tenant: new (name: string | undefined) => { readonly name: string };
  const authentication: (options?: { readonly required?: boolean }) => RequestHandler;
  const slowAndMetered: (query: unknown) => Promise<unknown>;
  const loadRates: (currency: string) => Promise<Record<string, number | string>>;
  const token: string;
  const log: EventEmitter & Record<'info' | 'warn', (...facts: unknown[]) => void>;
  const register: Registry;
  const meter: Meter;
  const tracer: Tracer;

  namespace NodeJS {
    /** Set wherever these programs run. */
    interface ProcessEnv {
      readonly CACHE_KEY: string;
      readonly PURGE_SECRET: string;
    }
  }
  namespace Express {
    /** As an app declares what its middleware places. */
    interface Request {
      user: { readonly id: number; readonly name: string; readonly role: string; readonly admin?: boolean };
      tenant: { readonly name: string };
      flags: { readonly search: boolean };
      flowId: number;
    }
  }
}

declare module 'express-session' {
  interface SessionData {
    csrf: string;
  }
}
