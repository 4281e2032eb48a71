// Swagger UI from this host; where its package is not installed, the page says so itself.

if (window.SwaggerUIBundle) {
  window.SwaggerUIBundle({ url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true });
}
