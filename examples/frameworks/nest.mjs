// NestJS 11 on Express: a module that caches, and a service that purges.
//
//   node examples/frameworks/nest.mjs
//   curl -i localhost:3000/api/cities
//   curl -i -X POST localhost:3000/api/cities/Rome
//
// In TypeScript, what `decorated` does here is written @Module({ ... }), @Get(), @Inject(CACHE) and so on.

import 'reflect-metadata';
import { Controller, Get, Global, Inject, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { redisCache } from 'redis-response-cache';

const CACHE = Symbol('cache');

/** Caches what all controllers answer; inject `CACHE` to purge. */
class ResponseCacheModule {
  static register(options) {
    const cache = { provide: CACHE, useFactory: () => redisCache(options) };
    return { module: ResponseCacheModule, providers: [cache], exports: [cache] };
  }

  constructor(cache) {
    this.cache = cache;
  }

  configure(consumer) {
    consumer.apply(this.cache).forRoutes('{*all}');
  }

  onApplicationShutdown() {
    return this.cache.close();
  }
}
decorated(ResponseCacheModule, [Global(), Module({})], { inject: [CACHE] });

class CitiesController {
  cities = ['Berlin', 'Paris'];

  constructor(cache) {
    this.cache = cache;
  }

  all() {
    return { cities: this.cities, at: new Date() };
  }

  async add(name) {
    this.cities.push(name);
    return { purged: await this.cache.purge({ tag: 'cities' }) };
  }
}
decorated(CitiesController, [Controller('cities')], {
  inject: [CACHE],
  methods: { all: [Get()], add: [Post(':name')] },
});
Param('name')(CitiesController.prototype, 'add', 0);

class AppModule {}
const caching = ResponseCacheModule.register({ redis: process.env.REDIS_URL, ttl: '1h', tags: ['cities'] });
decorated(AppModule, [Module({ imports: [caching], controllers: [CitiesController] })]);

const app = await NestFactory.create(AppModule, { logger: ['warn', 'error'] });
app.setGlobalPrefix('api').enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
console.log(`http://localhost:${app.getHttpServer().address().port}/api/cities`);

function decorated(type, decorators, { inject = [], methods = {} } = {}) {
  for (const [i, token] of inject.entries()) Inject(token)(type, undefined, i);
  for (const [name, own] of Object.entries(methods)) {
    for (const decorate of own) {
      decorate(type.prototype, name, Object.getOwnPropertyDescriptor(type.prototype, name));
    }
  }
  for (const decorate of decorators) decorate(type);
}
