output "first_message" {
  description = "The command that deploys an image."
  value       = module.transship.first_message
}

output "outcomes" {
  description = "The commands that show what happened."
  value       = module.transship.outcomes
}
