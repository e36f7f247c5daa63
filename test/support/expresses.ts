import express from 'express';

export const expresses: readonly (readonly [string, typeof express])[] = [
  ['Express 5', express],
  ['Express 4', require('express4') as typeof express],
];
