output "app_name" {
  description = "Name of the deployed application."
  value       = juju_application.retrofit.name
}

output "application" {
  description = "The deployed application, with all its attributes."
  value       = juju_application.retrofit
}

output "requires" {
  description = "Endpoints that other modules can integrate with."
  value = {
    for endpoint in ["juju-info", "identity-credentials", "certificates", "image-service"] :
    endpoint => endpoint
  }
}
