variable "model_uuid" {
  description = "UUID of the model to deploy in; the applications named below are in it."
  type        = string
}

variable "app_name" {
  description = "Name of the application."
  type        = string
  default     = "octavia-diskimage-retrofit"
}

variable "base" {
  description = "Base of the charm; it must be the principal's."
  type        = string
  default     = "ubuntu@24.04"
}

variable "channel" {
  description = "Channel of the charm on Charmhub."
  type        = string
  default     = "latest/edge"
}

variable "revision" {
  description = "Revision of the charm; null follows the channel."
  type        = number
  default     = null
}

variable "config" {
  description = "Options, as docs/reference/config.md lists them."
  type        = map(string)
  default     = {}
}

variable "resources" {
  description = "Revisions of the charm's resources by their names; the charm uses none of them."
  type        = map(string)
  default     = {}
}

variable "principal" {
  description = "Application whose machines make the images."
  type        = string
  default     = "glance-simplestreams-sync"
}

variable "keystone" {
  description = "Application that gives the service user."
  type        = string
  default     = "keystone"
}

variable "certificates" {
  description = "Application whose authority signs the cloud's endpoints; null where none does."
  type        = string
  default     = null
}

variable "glance" {
  description = "Application to use in place of the catalog's image endpoint; null for the catalog."
  type        = string
  default     = null
}
