import a from "a";
export default a;
ÿ{"version":3,"file":"x.js","sourceRoot":"r","sources":["a.ts","b.ts"],"names":["a"],"mappings":"AAAAA,OAAO,CAAC,MAAM,GAAG;ACAjB,eAAe,CAAC","x":1}