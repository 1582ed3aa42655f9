output "mirrors" {
  description = "Where each mirror is pulled from."
  value       = module.transship.mirrors
}

output "runtime_accounts" {
  description = "The role-less account of each team's project."
  value       = module.transship.runtime_accounts
}
