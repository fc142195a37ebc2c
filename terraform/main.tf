locals {
  # Endpoint of this charm => the application and endpoint on the other side.
  integrations = {
    for endpoint, other in {
      "juju-info"            = { name = var.principal, endpoint = "juju-info" }
      "identity-credentials" = { name = var.keystone, endpoint = "identity-credentials" }
      "certificates"         = { name = var.certificates, endpoint = "certificates" }
      "image-service"        = { name = var.glance, endpoint = "image-service" }
    } : endpoint => other if other.name != null
  }
}

resource "juju_application" "retrofit" {
  name       = var.app_name
  model_uuid = var.model_uuid
  config     = var.config
  resources  = var.resources

  charm {
    name     = "octavia-diskimage-retrofit"
    base     = var.base
    channel  = var.channel
    revision = var.revision
  }
}

resource "juju_integration" "retrofit" {
  for_each   = local.integrations
  model_uuid = var.model_uuid

  application {
    name     = juju_application.retrofit.name
    endpoint = each.key
  }

  application {
    name     = each.value.name
    endpoint = each.value.endpoint
  }
}
