import x from "\u0061\x62\
c";/*c*/export{x}/**///# sourceMappingURL=lines.js.map