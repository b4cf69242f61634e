#!/usr/bin/env node
import "a";
export const 😀 = 1; import"b"