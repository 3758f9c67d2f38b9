a();
//# sourceMappingURL=app.js.map
//# debugId=0b3c9d1e-1111-2222-3333-444455556666
